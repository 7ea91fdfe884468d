"""Groups of runs in rows and columns by their settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import NOT_FOUND, USAGE, WorkbenchError, did_you_mean
from workbench.results.groups import OUTSIDE, OUTSIDE_SECTION, Group
from workbench.spec.layout import FIELDS, Layout

SAME = {"model": "model.kind", "data": "data.name"}  # fields that are settings too


@dataclass(frozen=True)
class Grid:
    """Groups in rows and columns: `cells[row][column]`, None where there is none."""

    keys: tuple[str, ...]  # of rows, as asked, and settings that would have been mixed
    pivot: str  # the field or setting in the columns, or empty
    rows: tuple[tuple[Any, ...], ...]  # values of `keys`
    columns: tuple[Any, ...]  # values of the setting in the columns; (None,) without one
    cells: tuple[tuple[Group | None, ...], ...]


def grid_of(groups: Sequence[Group], layout: Layout) -> Grid:
    """Return the groups by row and column; rows and columns in ascending order of numbers, else as they come.

    Raises:
        WorkbenchError: for a key that no group has (exit code NOT_FOUND).
    """
    known = list(dict.fromkeys(key for group in groups for key in group.settings))
    pivot = full_key(layout.columns, known) if layout.columns and groups else ""
    default = ("model",) if pivot else ("model", "name")
    keys = [full_key(key, known) if groups else key for key in layout.rows] or list(default)
    taken = {SAME.get(key, key) for key in (*keys, pivot)} | set(OUTSIDE)
    while True:
        cells: dict[tuple[Any, ...], dict[Any, list[Group]]] = {}
        for group in groups:
            place = cells.setdefault(tuple(_hashable(_value(group, key)) for key in keys), {})
            place.setdefault(_hashable(_value(group, pivot)), []).append(group)
        mixed = [found for row in cells.values() for found in row.values() if len(found) > 1]
        if not mixed:
            break
        keys += _telling(mixed, [key for key in known if key not in taken])
        taken |= {SAME.get(key, key) for key in keys}
    rows = _sorted(cells, len(keys))
    columns = [value for (value,) in _sorted([(c,) for row in cells.values() for c in row], 1)] or [None]
    nothing: list[Group | None] = [None]
    found = tuple(tuple((cells[row].get(c) or nothing)[0] for c in columns) for row in rows)
    return Grid(tuple(keys), pivot, tuple(rows), tuple(columns), found)


def _telling(mixed: Sequence[Sequence[Group]], known: Iterable[str]) -> list[str]:
    """Return the keys in which groups of one place differ; where models or data sets do, only these."""
    for key in SAME:
        if any(len({_value(group, key) for group in found}) > 1 for found in mixed):
            return [key]
    differ = [
        key
        for key in known
        if not key.startswith(OUTSIDE_SECTION)
        if any(len({repr(group.settings.get(key)) for group in found}) > 1 for found in mixed)
    ]
    return differ or ["group"]  # specs that cannot be read differ in nothing but their hash


def full_key(key: str, known: Sequence[str]) -> str:
    """Return a field of a run, a setting, or the only setting whose last part is `key`.

    Raises:
        WorkbenchError: if there is none, or there are several.
    """
    if key in FIELDS or key in known:
        return key
    found = [name for name in known if name.rpartition(".")[2] == key]
    if len(found) == 1:
        return found[0]
    if found:
        raise WorkbenchError(f"'{key}' may be {' or '.join(found)}.", "Write it in full.", USAGE)
    hint = did_you_mean(key, [*FIELDS, *known]) or f"Use {', '.join(FIELDS)}, or a setting."
    raise WorkbenchError(f"No run has the setting '{key}'.", hint, NOT_FOUND)


def _value(group: Group, key: str) -> Any:
    row = group.rows[0]
    fields = {"model": row.kind, "data": row.data, "preset": row.preset, "study": row.study}
    fields |= {"name": group.name, "group": row.group or row.id}
    return fields[key] if key in fields else group.settings.get(key)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _sorted(rows: Iterable[tuple[Any, ...]], width: int) -> list[tuple[Any, ...]]:
    """Return distinct rows: numbers ascend, other values keep the order in which they first come."""
    distinct = list(dict.fromkeys(rows))
    ranks: list[dict[Any, Any]] = []
    for k in range(width):
        values = list(dict.fromkeys(row[k] for row in distinct))
        numeric = all(isinstance(value, int | float) for value in values)
        ranks.append({value: value if numeric else place for place, value in enumerate(values)})

    def rank(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(own[value] for own, value in zip(ranks, row, strict=True))

    return sorted(distinct, key=rank)
