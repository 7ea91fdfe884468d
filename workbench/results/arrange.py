"""A table laid out as asked: rows and columns by model, data or any setting, a baseline, another spread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mode
from typing import Any

from workbench.errors import NOT_FOUND, USAGE, WorkbenchError, did_you_mean
from workbench.results.baseline import difference_cells, method_note
from workbench.results.compare import (
    chosen_metrics,
    marked,
    metric_column,
    published_columns,
    sources_of,
    with_states,
)
from workbench.results.footnotes import notes_of
from workbench.results.groups import Group, family_title, pool
from workbench.results.pivot import Grid, grid_of
from workbench.results.table import (
    NOTHING,
    WIDE,
    Cell,
    Column,
    Table,
    spread_as,
    text_cell,
)
from workbench.spec.layout import FIELDS, Layout, Spread
from workbench.spec.metrics import metric
from workbench.spec.overrides import toml_text
from workbench.spec.reference_values import Published
from workbench.store.paths import StorePaths
from workbench.store.run_row import RunRow

SHOWN: dict[Spread, str] = {
    "std": "Mean ± sample standard deviation over n seeds",
    "interval": "Mean over n seeds and its 95 % interval (Student's t)",
    "range": "Median over n seeds, and the least and largest value",
}


def arranged_table(
    store: StorePaths,
    rows: Iterable[RunRow],
    layout: Layout,
    title: str = "",
    published: Published | None = None,
) -> Table:
    """Return the table of the groups that `rows` belong to, laid out as `layout` says.

    A row never mixes settings: where several groups would share a cell, rows are split by the settings in
    which these differ. What is equal in all rows is in a note.

    Raises:
        WorkbenchError: for an unknown metric or key (exit code NOT_FOUND), or a baseline that is no row.
    """
    return arranged_of(pool(store, rows, layout.metrics), layout, title, published)


def arranged_of(
    groups: Sequence[Group], layout: Layout, title: str = "", published: Published | None = None
) -> Table:
    """Return what `arranged_table` does, of groups."""
    metrics = chosen_metrics(groups, layout.metrics or None)
    grid = grid_of(groups, layout)
    front = _labels(grid, layout)
    usual = _usual_seeds(grid)
    against = _baseline(grid, layout) if layout.baseline else None
    columns = [Column(key, layout.names.get(key, key)) for key in front.varying]
    body = [[text_cell(text, WIDE) for text in texts] for texts in front.texts]
    numbers: dict[str, dict[int, list[Cell]]] = {key: {} for key in metrics}
    for key in metrics:
        for c, value in enumerate(grid.columns):
            found = [row[c] for row in grid.cells]
            cells = numbers[key][c] = _column_cells(found, key, layout, usual)
            column = _column(key, value, grid.pivot, layout, len(metrics))
            _add(columns, body, column, cells)
            for beside, texts in published_columns(published, column, key, found, cells):
                _add(columns, body, beside, texts)
            if against is not None and metric(key).one_per == "seed":
                delta = replace(column, key=f"{column.key}_difference", label=f"Δ {column.label}", better="")
                _add(columns, body, delta, difference_cells(found, against, key))
    notes = [*front.constant, *_notes(grid, front, numbers, layout, usual)]
    if against is not None:
        notes.append(method_note(", ".join(front.texts[against])))
    heading = metric_column(metrics[0]).heading if grid.pivot and len(metrics) == 1 else ""
    if heading and (layout.caption or title):
        notes.insert(0, f"Numbers: {heading}.")
    order = _order(grid, layout, numbers)
    ids = [tuple(o.run_id for g in row if g is not None for o in g.outcomes) for row in grid.cells]
    return Table(
        layout.caption or title or (f"{heading} by {grid.pivot}" if heading else "Comparison"),
        tuple(columns),
        tuple(tuple(body[r]) for r in order),
        (*dict.fromkeys(notes), *sources_of(published, columns)),
        tuple(ids[r] for r in order),
        layout.label,
    )


@dataclass(frozen=True)
class _Labels:
    """The words in front of each row: values of the keys that vary, and a note with the others."""

    varying: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    constant: tuple[str, ...]


def _labels(grid: Grid, layout: Layout) -> _Labels:
    texts = [[_shown(key, v, layout) for key, v in zip(grid.keys, row, strict=True)] for row in grid.rows]
    varying = [k for k in range(len(grid.keys)) if len({row[k] for row in texts}) > 1] or [0]
    same = [f"{key} = {texts[0][k]}" for k, key in enumerate(grid.keys) if texts and k not in varying]
    return _Labels(
        tuple(grid.keys[k] for k in varying),
        tuple(tuple(row[k] for k in varying) for row in texts),
        (f"All rows: {', '.join(same)}.",) if same else (),
    )


def _notes(
    grid: Grid,
    front: _Labels,
    numbers: Mapping[str, Mapping[int, Sequence[Cell]]],
    layout: Layout,
    usual: int,
) -> tuple[str, ...]:
    """Return the notes of `footnotes.py`, each group under the words of its row."""
    placed = [
        (r, c, group) for r, row in enumerate(grid.cells) for c, group in enumerate(row) if group is not None
    ]
    return notes_of(
        [group for _, _, group in placed],
        [" ".join(front.texts[r]) + _place(grid, c, layout) for r, c, _ in placed],
        {key: [cells[c][r] for r, c, _ in placed] for key, cells in numbers.items()},
        f"{SHOWN[layout.spread]}; n = {usual} unless a cell gives its own.",
    )


def _shown(key: str, value: Any, layout: Layout) -> str:
    text = "" if value is None else toml_text(list(value) if isinstance(value, tuple) else value)
    if text in layout.names:
        return layout.names[text]
    return family_title(text) if key in ("model", "model.kind") else text


def _column_cells(groups: Sequence[Group | None], key: str, layout: Layout, usual: int) -> list[Cell]:
    """Return a column of numbers, the best of comparable healthy rows marked; of others the state."""
    numbers = [text_cell("") if group is None else _number(group, key, layout, usual) for group in groups]
    return with_states(groups, marked(key, groups, numbers))


def _number(group: Group, key: str, layout: Layout, usual: int) -> Cell:
    """Return the group's number in the spread asked for; another n than the usual one is in its text."""
    cell = spread_as(group.cell(key, usual), layout.spread, layout.digits)
    aside = f"n={cell.n}"
    if metric(key).one_per != "seed" or cell.mean is None or cell.n == usual or aside in cell.text:
        return cell
    return replace(cell, text=f"{cell.text} ({aside})")


def _usual_seeds(grid: Grid) -> int:
    """Return the number of seeds with a result that most groups with one have."""
    return mode([group.finished for row in grid.cells for group in row if group and group.finished] or [0])


def _column(key: str, value: Any, pivot: str, layout: Layout, metrics: int) -> Column:
    """Return the heading of a metric, or of one value of the setting in the columns."""
    found = metric_column(key)
    found = replace(found, label=layout.names.get(key, found.label))
    if not pivot:
        return found
    shown = _place_text(pivot, value, layout)
    if metrics == 1:  # the title has the metric with its unit
        found = replace(found, unit="")
    label = shown if metrics == 1 else f"{found.label}, {shown}"
    return replace(found, key=f"{key} {pivot}={_shown('', value, Layout())}", label=label)


def _place_text(pivot: str, value: Any, layout: Layout) -> str:
    """Return a value of the setting in the columns: "mnist", "lr=0.1"."""
    shown = _shown(pivot, value, layout) or NOTHING
    named = pivot in FIELDS or shown in layout.names.values()
    return shown if named else f"{pivot.rpartition('.')[2]}={shown}"


def _place(grid: Grid, column: int, layout: Layout) -> str:
    """Return where in its row a group is, as the end of its name in a note."""
    return f", {_place_text(grid.pivot, grid.columns[column], layout)}" if grid.pivot else ""


def _add(columns: list[Column], body: list[list[Cell]], column: Column, cells: Sequence[Cell]) -> None:
    columns.append(column)
    for line, cell in zip(body, cells, strict=True):
        line.append(cell)


def _order(grid: Grid, layout: Layout, numbers: Mapping[str, Mapping[int, Sequence[Cell]]]) -> list[int]:
    """Return the places of the rows in the order asked for; rows without a value come last."""
    places = list(range(len(grid.rows)))
    key = layout.sort.removeprefix("-")
    if not key or not places:
        return places
    short = [name for name in grid.keys if key in (name, name.rpartition(".")[2])]
    if short:
        values: list[Any] = [row[grid.keys.index(short[0])] for row in grid.rows]
    elif key.replace("-", "_") in numbers:
        values = [cell.mean for cell in numbers[key.replace("-", "_")][0]]
    else:
        known = [*grid.keys, *sorted(numbers)]
        hint = did_you_mean(key, known) or f"Sort by one of {', '.join(known)}."
        raise WorkbenchError(f"Cannot sort by '{key}': the table has no such column.", hint, USAGE)
    have = [place for place in places if values[place] is not None]
    words = any(isinstance(values[place], str | tuple) for place in have)
    have.sort(
        key=lambda place: str(values[place]) if words else values[place], reverse=layout.sort.startswith("-")
    )
    return have + [place for place in places if values[place] is None]


def _baseline(grid: Grid, layout: Layout) -> int:
    """Return the place of the row that is the baseline: one of its values, or key=value, is the text.

    Raises:
        WorkbenchError: if no row is it, or several are.
    """
    key, equals, value = layout.baseline.rpartition("=")
    wanted = _plain(value if equals else layout.baseline)
    names = [
        {
            _plain(text)
            for name, value in zip(grid.keys, row, strict=True)
            if not equals or key in (name, name.rpartition(".")[2])
            for text in (_shown(name, value, layout), _shown("", value, Layout()))
        }
        for row in grid.rows
    ]
    found = [place for place, own in enumerate(names) if wanted in own]
    if len(found) == 1:
        return found[0]
    if found:
        hint = "Filter the runs, or choose a value that only one row has."
        raise WorkbenchError(f"The baseline '{layout.baseline}' is {len(found)} rows.", hint, USAGE)
    known = list(dict.fromkeys(text for own in names for text in sorted(own) if text))
    hint = did_you_mean(layout.baseline, known) or f"Rows have {', '.join(known[:8])}."
    raise WorkbenchError(f"No row is the baseline '{layout.baseline}'.", hint, NOT_FOUND)


def _plain(text: str) -> str:
    """Return one text for equal values: 1 and 1.0, VAE and vae."""
    try:
        return repr(float(text))
    except ValueError:
        return text.lower()
