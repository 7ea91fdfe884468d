"""The comparison table: a row per group of runs, mean ± std over seeds, and notes to read it by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean
from workbench.results.footnotes import impossible, notes_of
from workbench.results.groups import OUTSIDE, OUTSIDE_SECTION, Group, pool
from workbench.results.table import (
    CUT_SHORT,
    WIDE,
    Cell,
    Column,
    Table,
    mark_best,
    mark_health,
    number_text,
    printed_cell,
    text_cell,
)
from workbench.spec.health import MARKS, health_text
from workbench.spec.metrics import BUILT_IN, METRICS, metric
from workbench.spec.reference_values import Published, Value
from workbench.store.paths import StorePaths
from workbench.store.run_row import RunRow


def comparison_table(
    store: StorePaths,
    rows: Iterable[RunRow],
    metrics: Sequence[str] | None = None,
    title: str = "",
    published: Published | None = None,
) -> Table:
    """Return the table of the groups that `rows` belong to, in their order.

    `metrics` names the columns; None takes those that `Metric.column` says. Values from the literature
    follow their metric's column.

    Raises:
        WorkbenchError: for a metric that is neither known nor found in these runs (exit code NOT_FOUND).
    """
    return comparison_of(pool(store, rows, metrics), metrics, title, published)


def comparison_of(
    groups: Sequence[Group],
    metrics: Sequence[str] | None = None,
    title: str = "",
    published: Published | None = None,
) -> Table:
    """Return what `comparison_table` does, of groups."""
    verdicts = [group.verdict for group in groups]
    chosen = chosen_metrics(groups, metrics)
    data = list(dict.fromkeys(group.rows[0].data for group in groups))
    columns = [Column("model", "model"), Column("name", "runs")]
    if len(data) > 1:
        columns.append(Column("data", "data"))

    numbers: dict[str, list[Cell]] = {}
    shown: list[list[Cell]] = []
    for key in chosen:
        cells = marked(key, groups, [group.cell(key) for group in groups])
        numbers[key] = cells
        columns.append(metric_column(key))
        shown.append(with_states(groups, cells))
        for column, beside in published_columns(published, metric_column(key), key, groups, cells):
            columns.append(column)
            shown.append(beside)
    columns.append(Column("seeds", "seeds n"))
    health = any(MARKS.get(verdict) for verdict in verdicts)
    if health:
        columns.append(Column("health", "health"))
    names = group_names(groups)
    body = []
    for k, group in enumerate(groups):
        front = (group.title, names[k], *[group.rows[0].data] * (len(data) > 1))
        back = (seeds_text(group), *[health_text(list(group.health.values()))] * health)
        words = (text_cell(text, WIDE) for text in front)
        body.append((*words, *(column[k] for column in shown), *map(text_cell, back)))
    if not title:
        title = f"Comparison on {data[0]}" if len(data) == 1 and data[0] else "Comparison"
    return Table(
        title,
        tuple(columns),
        tuple(body),
        (*notes_of(groups, names, numbers), *sources_of(published, columns)),
        tuple(tuple(outcome.run_id for outcome in group.outcomes) for group in groups),
    )


def marked(key: str, groups: Sequence[Group | None], cells: Sequence[Cell]) -> list[Cell]:
    """Return a column of a metric with the best of comparable rows marked, and the health of each.

    A row with an unhealthy, a diverged or an early-stopped run is never the best. A row without a group
    keeps its cell.
    """
    verdicts = [group.verdict if group is not None else "" for group in groups]
    classes = [
        None if group is None or verdict == "unhealthy" or group.cut_short else group.comparable(key)
        for group, verdict in zip(groups, verdicts, strict=True)
    ]
    ranked = mark_best(cells, metric(key).better, classes)
    if metric(key).one_per == "data set":
        return ranked
    shown = [mark_health(cell, verdict) for cell, verdict in zip(ranked, verdicts, strict=True)]
    return [
        replace(cell, text=f"{cell.text} {CUT_SHORT}")
        if group is not None and group.cut_short and cell.mean is not None
        else cell
        for group, cell in zip(groups, shown, strict=True)
    ]


def seeds_text(group: Group) -> str:
    """Return "3", or what became of the rest: "2 of 3 (1 diverged)"."""
    asked, finished, diverged = len(group.seeds), group.finished, len(group.diverged)
    if finished == asked:
        return str(asked)
    return f"{finished} of {asked}" + (f" ({diverged} diverged)" if diverged else "")


def metric_column(key: str) -> Column:
    """Return the column of a metric, with its unit and direction."""
    found = metric(key)
    unit = f"{found.unit} per run" if found.one_per == "run" else found.unit
    return Column(key, found.label, unit, found.better)


def with_states(groups: Sequence[Group | None], cells: Sequence[Cell]) -> list[Cell]:
    """Return a column in which groups without results show the state of their runs."""
    return [
        text_cell(group.state) if group is not None and not group.outcomes else cell
        for group, cell in zip(groups, cells, strict=True)
    ]


def published_columns(
    published: Published | None,
    column: Column,
    key: str,
    groups: Sequence[Group | None],
    cells: Sequence[Cell],
) -> list[tuple[Column, list[Cell]]]:
    """Return the columns beside a metric's `column`: values as printed, never ranked, and our deviation.

    Both are left out where no row has a published value.
    """
    printed = [printed_in(published, key, group) for group in groups]
    if not any(cell.kind == "number" for cell in printed):
        return []
    values = [found_in(published, key, group) for group in groups]
    apart = [deviation(cell, value) for cell, value in zip(cells, values, strict=True)]
    front = Column(f"published_{column.key}", f"published {column.label}", column.unit, exact=True)
    back = Column(f"deviation_{column.key}", "deviation", column.unit, exact=True)
    return [(front, printed), *([(back, apart)] if any(c.kind == "number" for c in apart) else [])]


def deviation(cell: Cell, value: Value | None) -> Cell:
    """Return ours − published, and how many combined standard deviations that is where both are known."""
    if value is None or cell.mean is None:
        return text_cell("")
    apart = cell.mean - value.number
    text = number_text(Cell("number", mean=apart))
    if (
        cell.std is not None
        and value.spread is not None
        and (scale := math.hypot(cell.std, value.spread)) > 0
    ):
        text = f"{text} ({abs(apart) / scale:.1f} σ)"
    return printed_cell(text if apart < 0 else f"+{text}", apart)


def printed_in(published: Published | None, key: str, group: Group | None) -> Cell:
    """Return the published cell of a group, a dash where there is none."""
    value = found_in(published, key, group)
    return printed_cell(value.text, value.number) if value else text_cell("")


def found_in(published: Published | None, key: str, group: Group | None) -> Value | None:
    """Return the published value of a group's metric."""
    if published is None or group is None:
        return None
    return published.find(key, group.rows[0].preset, group.settings, group.label)


def sources_of(published: Published | None, columns: Sequence[Column]) -> list[str]:
    """Return where published values come from, if any is shown."""
    if published is None or not any(column.key.startswith("published_") for column in columns):
        return []
    notes = [f"Published values, as printed and not ranked: {published.source}"]
    if any(column.key.startswith("deviation_") for column in columns):
        notes.append("Deviation: ours − published; σ is √(s² + s²) of both spreads, where both are known.")
    return notes


def chosen_metrics(groups: Sequence[Group], metrics: Sequence[str] | None) -> list[str]:
    """Return the metric columns: those named, checked, or else the usual ones.

    Raises:
        WorkbenchError: for a metric that is neither known nor found in these runs (exit code NOT_FOUND).
    """
    if metrics is None:
        kinds = {group.rows[0].kind for group in groups}
        always = [key for key, found in BUILT_IN.items() if found.column == "always"]
        possible = [key for key in always if not kinds or not all(impossible(kind, key) for kind in kinds)]
        given = [key for key, found in BUILT_IN.items() if found.column == "where given"]
        return [*possible, *(key for key in given if any(group.has(key) for group in groups))]
    known = {*METRICS, *(name for group in groups for o in group.outcomes for name in o.metrics)}
    metrics = [key if key in known else key.replace("-", "_") for key in metrics]  # sliced-w2
    for key in metrics:
        if key not in known:
            hint = did_you_mean(key, known) or f"Known metrics: {', '.join(sorted(known))}."
            raise WorkbenchError(f"There is no metric '{key}'.", hint, NOT_FOUND)
    return list(dict.fromkeys(metrics))


def group_names(groups: Sequence[Group]) -> list[str]:
    """Return each group's name; where several share it, with the settings in which they differ."""
    names = [group.name for group in groups]
    for label in {(group.title, group.name) for group in groups}:
        places = [k for k, group in enumerate(groups) if (group.title, group.name) == label]
        if len(places) < 2:
            continue
        keys = sorted({key for k in places for key in groups[k].settings})
        keys = [key for key in keys if key not in OUTSIDE and not key.startswith(OUTSIDE_SECTION)]
        differ = [key for key in keys if len({str(groups[k].settings.get(key)) for k in places}) > 1]
        for k in places:
            shown = (f"{key}={groups[k].settings.get(key, '–')}" for key in differ)
            names[k] = f"{groups[k].name} [{', '.join(shown)}]" if differ else groups[k].name
    return names
