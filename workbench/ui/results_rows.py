"""Which runs Results shows, in which order, singly or in groups: plain functions over 10,000 rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.results.fields import NUMBERS, TIMES, WORDS
from workbench.results.groups import members, pooled
from workbench.results.query import Query, sort_rows
from workbench.results.table import number_cell, spread_cell
from workbench.spec.health import MARKS, health_text, worst
from workbench.spec.metrics import METRICS, metric
from workbench.spec.overrides import toml_text
from workbench.text import format_bytes, format_duration
from workbench.ui.formatting import SIGNS, line, state_sign

if TYPE_CHECKING:
    from workbench.api.runs import RunRow

DISK, HEALTH = "disk", "health"  # keys of columns


@dataclass
class Entry:
    """One line of Results: a run, or all runs of a group as one row. The newest one comes first."""

    row: RunRow
    rows: tuple[RunRow, ...]
    texts: dict[str, str] = field(default_factory=dict)  # cells that have been shown
    label: str = ""  # the name, cut so that it differs from the others
    depth: int = 0  # 1: a run of the unfolded group above it

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(row.id for row in self.rows)


@dataclass(frozen=True)
class ListColumn:
    """One column of Results. `key` is the field or metric of the filter line to sort by."""

    key: str
    label: str
    width: int
    text: Callable[[Entry], str]
    right: bool = False


def _state(entry: Entry) -> str:
    """Return the state of a run, or the signs of the states in a group with their numbers."""
    states = list(dict.fromkeys(row.state for row in entry.rows))
    signs = [SIGNS.get(state, ("?", ""))[0] for state in states]
    if len(states) == 1:
        return f"{signs[0]} {states[0]} {MARKS.get(worst(entry.row.health), '')}".rstrip()
    counts = (sum(row.state == state for row in entry.rows) for state in states)
    return " ".join(f"{sign}{count}" for sign, count in zip(signs, counts, strict=True))


def _sign(entry: Entry) -> str:
    """Return the sign of a run's state, or those of a group."""
    return "".join(dict.fromkeys(state_sign(row) for row in entry.rows))[:2]


def _name(entry: Entry) -> str:
    return "  " * entry.depth + (entry.label or line(entry.row.name, 80))


def _health(entry: Entry) -> str:
    """Return the gravest verdict on the seeds, and its reasons."""
    verdict = worst(entry.row.health)
    reasons = dict.fromkeys(why for one in entry.row.health if one.verdict == verdict for why in one.reasons)
    return line(": ".join([health_text(entry.row.health), "; ".join(reasons)][: 1 + bool(reasons)]))


def created_text(moment: float) -> str:
    """Return the local date and time of a moment, empty if it is unknown."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) if moment else ""


NAME, FULL = 30, 110  # widest name, and the columns of a list that has room for states in words
IDENTITY: tuple[ListColumn, ...] = (
    ListColumn("model", "model", 12, lambda entry: line(entry.row.kind, 20)),
    ListColumn("data", "data", 14, lambda entry: line(entry.row.data, 20)),
    ListColumn("seeds", "seeds", 5, lambda entry: str(len(entry.row.seeds)), right=True),
)
LAST_COLUMNS: tuple[ListColumn, ...] = (
    ListColumn(
        "seconds", "took", 11, lambda entry: format_duration(NUMBERS["seconds"](entry.row)), right=True
    ),
    ListColumn("created", "created", 16, lambda entry: created_text(entry.row.created)),
    ListColumn("study", "study", 14, lambda entry: line(entry.row.study, 40)),
    ListColumn("tag", "tags", 14, lambda entry: line(" ".join(entry.row.tags), 80)),
    ListColumn("note", "note", 30, lambda entry: line(entry.row.note)),
)
HEALTH_COLUMN = ListColumn(HEALTH, "health", 40, _health)
LAST = {column.key for column in LAST_COLUMNS} | {DISK}


@dataclass(frozen=True)
class Chooser:
    """What the columns are made from beside the runs."""

    sizes: Mapping[str, int] = field(default_factory=dict)  # bytes by run; empty until they were counted
    wanted: Sequence[str] | None = None  # keys of the columns that the user chose
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of settings, by key and run


def columns_for(rows: Sequence[RunRow], chooser: Chooser, width: int = FULL) -> list[ListColumn]:
    """Return the columns for these runs: state and name, then those chosen, or those of a new start.

    Of these the first metric always has room beside the name: where `width` is small, models, data sets and
    seeds follow the metrics. What is equal in all runs has no column.
    """
    full = width >= FULL
    longest = max((len(row.name) + 5 for row in rows), default=4)  # with the end of an id
    state = ListColumn("state", "state", 12, _state) if full else ListColumn("state", "", 2, _sign)
    name = ListColumn("name", "name", max(4, min(longest, NAME + max(0, width - FULL) // 2)), _name)
    known = known_columns(rows, chooser)
    if chooser.wanted is not None:
        return [state, name, *(known[key] for key in chooser.wanted if key in known)]
    shown = {
        key: column for key, column in known.items() if key not in chooser.values and _varies(column, rows)
    }
    identity = [column for column in IDENTITY if column.key in shown]
    last = [column for key, column in shown.items() if key in LAST or key == HEALTH]
    metrics = [column for key, column in shown.items() if column not in identity and column not in last]
    return [state, name, *identity, *metrics, *last] if full else [state, name, *metrics, *identity, *last]


def known_columns(rows: Sequence[RunRow], chooser: Chooser) -> dict[str, ListColumn]:
    """Return every column that these runs could have, by key."""
    names = set().union(*(row.summary for row in rows)) - WORDS.keys() - NUMBERS.keys() - TIMES.keys()
    columns = [*IDENTITY, *map(metric_column, metric_order(names)), HEALTH_COLUMN, *LAST_COLUMNS]
    columns += [disk_column(chooser.sizes)] * bool(chooser.sizes)
    columns += [setting_column(key, values) for key, values in chooser.values.items()]
    return {column.key: column for column in columns}


def metric_order(names: set[str]) -> list[str]:
    """Return names of metrics in the order of their catalogue, then those that it does not have."""
    return [*(key for key in METRICS if key in names), *sorted(names - METRICS.keys())]


def setting_column(key: str, values: Mapping[str, Any]) -> ListColumn:
    """Return the column of a setting."""

    def text(entry: Entry) -> str:
        value = values.get(entry.row.id)
        return "" if value is None else line(value if isinstance(value, str) else toml_text(value), 40)

    label = key.rpartition(".")[2]
    width = max([len(label), *(len(line(value, 30)) for value in values.values())])
    return ListColumn(key, label, min(20, width), text)


def _varies(column: ListColumn, rows: Sequence[RunRow]) -> bool:
    """Whether the runs differ in a column, or there are too few of them to say."""
    if len(rows) < 2 or column.key in ("seconds", "created"):
        return True
    if column.key == HEALTH:
        return any(MARKS.get(worst(row.health)) for row in rows)
    if column.key in METRICS or column.key == DISK or column.key not in {**NUMBERS, **WORDS}:
        return True
    get = NUMBERS[column.key] if column.key in NUMBERS else WORDS[column.key]
    first = get(rows[0])
    return any(get(row) != first for row in rows)


def disk_column(sizes: Mapping[str, int]) -> ListColumn:
    """Return the column of disk space; of a group, of all its runs."""

    def text(entry: Entry) -> str:
        return format_bytes(sum(sizes.get(run_id, 0) for run_id in entry.ids))

    return ListColumn(DISK, "disk", 9, text, right=True)


def metric_column(name: str) -> ListColumn:
    """Return the column of a final metric, mean ± std over seeds (of the training time: over runs)."""
    one_per = metric(name).one_per

    def text(entry: Entry) -> str:
        """Return the number as a table has it."""
        values, error = entry.row.summary.get(name, ()), entry.row.errors.get(name)
        if one_per == "data set" and values and values[0] is not None:
            return spread_cell(values[0], error, len(values)).text
        if one_per == "run":  # its seeds share it
            values, error = values[:1] if len(entry.rows) == 1 else values, None
        return number_cell(values, se=error).text if values else ""

    return ListColumn(name, line(metric(name).label, 30), 18, text)


def entries_of(rows: Sequence[RunRow], chosen: Query, *, grouped: bool) -> list[Entry]:
    """Return the runs that the filter lets through, one by one or one entry a group."""
    kept = [row for row in rows if chosen(row)] if chosen.tests else rows
    if grouped:
        return [Entry(pooled(group), tuple(group)) for group in members(kept)]
    return [Entry(row, (row,)) for row in kept]


def sort_entries(entries: Sequence[Entry], key: str, chooser: Chooser, *, descending: bool) -> list[Entry]:
    """Return the entries in the order of a column; those without a value come last in either order."""
    if key == DISK:
        sizes = chooser.sizes
        return sorted(entries, key=lambda e: sum(sizes.get(i, 0) for i in e.ids), reverse=descending)
    if key in chooser.values:
        values = chooser.values[key]
        have = [entry for entry in entries if values.get(entry.row.id) is not None]
        words = any(isinstance(values[entry.row.id], str) for entry in have)
        have.sort(key=lambda e: str(values[e.row.id]) if words else values[e.row.id], reverse=descending)
        return [*have, *(entry for entry in entries if values.get(entry.row.id) is None)]
    found = {entry.row.id: entry for entry in entries}
    return [found[row.id] for row in sort_rows((entry.row for entry in entries), key, reverse=descending)]


def unfolded(entries: Sequence[Entry], groups: Container[str]) -> list[Entry]:
    """Return the entries, each of the named groups followed by its runs."""
    found = []
    for entry in entries:
        found.append(entry)
        if len(entry.rows) > 1 and entry.row.group in groups:
            found += [Entry(row, (row,), depth=1) for row in entry.rows]
    return found
