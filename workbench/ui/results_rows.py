"""Which runs Results shows, in which order, singly or in groups: plain functions over 10,000 rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from workbench.results.fields import NUMBERS, TIMES, WORDS
from workbench.results.groups import members, pooled
from workbench.results.query import Query, sort_rows
from workbench.results.table import number_cell
from workbench.spec.health import MARKS, health_text, worst
from workbench.spec.metrics import METRICS, metric
from workbench.text import format_bytes, format_duration
from workbench.ui.formatting import SIGNS, line

if TYPE_CHECKING:
    from workbench.api.runs import RunRow

DISK = "disk"  # key of the column of sizes


@dataclass
class Entry:
    """One line of Results: a run, or all runs of a group as one row. The newest one comes first."""

    row: RunRow
    rows: tuple[RunRow, ...]
    texts: dict[str, str] = field(default_factory=dict)  # cells that have been shown

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


def _health(entry: Entry) -> str:
    """Return the gravest verdict on the seeds, and its reasons."""
    verdict = worst(entry.row.health)
    reasons = dict.fromkeys(why for one in entry.row.health if one.verdict == verdict for why in one.reasons)
    return line(": ".join([health_text(entry.row.health), "; ".join(reasons)][: 1 + bool(reasons)]))


def _created(entry: Entry) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.row.created)) if entry.row.created else ""


FIRST_COLUMNS: tuple[ListColumn, ...] = (
    ListColumn("state", "state", 11, _state),
    ListColumn("name", "name", 24, lambda entry: line(entry.row.name, 80)),
    ListColumn("model", "model", 12, lambda entry: line(entry.row.kind, 20)),
    ListColumn("data", "data", 14, lambda entry: line(entry.row.data, 20)),
    ListColumn("seeds", "seeds", 5, lambda entry: str(len(entry.row.seeds)), right=True),
)
LAST_COLUMNS: tuple[ListColumn, ...] = (
    ListColumn(
        "seconds", "took", 11, lambda entry: format_duration(NUMBERS["seconds"](entry.row)), right=True
    ),
    ListColumn("created", "created", 16, _created),
    ListColumn("study", "study", 14, lambda entry: line(entry.row.study, 40)),
    ListColumn("tag", "tags", 14, lambda entry: line(" ".join(entry.row.tags), 80)),
    ListColumn("note", "note", 30, lambda entry: line(entry.row.note)),
)


def columns_for(rows: Sequence[RunRow], sizes: Mapping[str, int]) -> list[ListColumn]:
    """Return the columns for these runs: what they are, the metrics that any of them has, and the rest.

    Names, models and data sets are no wider than these runs need, so that metrics have room. `sizes` are the
    bytes of each run, empty until they have been counted.
    """
    longest = {
        "name": max((len(row.name) for row in rows), default=0),
        "model": max((len(row.kind) for row in rows), default=0),
        "data": max((len(row.data) for row in rows), default=0),
    }
    first = [
        replace(
            column, width=min(column.width, max(len(column.label), longest.get(column.key, column.width)))
        )
        for column in FIRST_COLUMNS
    ]
    last = list(LAST_COLUMNS)
    if any(MARKS.get(worst(row.health)) for row in rows):
        first[0] = replace(first[0], width=12)  # room for a mark
        last.insert(0, ListColumn("health", "health", 40, _health))
    if sizes:
        last.insert(-3, disk_column(sizes))
    names = set().union(*(row.summary for row in rows)) - WORDS.keys() - NUMBERS.keys() - TIMES.keys()
    known = [name for name in METRICS if name in names]
    return [*first, *map(metric_column, [*known, *sorted(names - METRICS.keys())]), *last]


def disk_column(sizes: Mapping[str, int]) -> ListColumn:
    """Return the column of disk space; of a group, of all its runs."""

    def text(entry: Entry) -> str:
        return format_bytes(sum(sizes.get(run_id, 0) for run_id in entry.ids))

    return ListColumn(DISK, "disk", 9, text, right=True)


def metric_column(name: str) -> ListColumn:
    """Return the column of a final metric, mean ± std over seeds (of the training time: over runs)."""
    one_per = metric(name).one_per

    def text(entry: Entry) -> str:
        values = entry.row.summary.get(name, ())
        if one_per == "data set" or (one_per == "run" and len(entry.rows) == 1):
            values = values[:1]  # seeds share it
        return number_cell(values).text if values else ""

    return ListColumn(name, line(metric(name).label, 30), 18, text)


def entries_of(rows: Sequence[RunRow], chosen: Query, *, grouped: bool) -> list[Entry]:
    """Return the runs that the filter lets through, one by one or one entry a group."""
    kept = [row for row in rows if chosen(row)] if chosen.tests else rows
    if grouped:
        return [Entry(pooled(group), tuple(group)) for group in members(kept)]
    return [Entry(row, (row,)) for row in kept]


def sort_entries(
    entries: Sequence[Entry], key: str, sizes: Mapping[str, int], *, descending: bool
) -> list[Entry]:
    """Return the entries in the order of a column; those without a value come last in either order."""
    if key == DISK:
        return sorted(entries, key=lambda e: sum(sizes.get(i, 0) for i in e.ids), reverse=descending)
    found = {entry.row.id: entry for entry in entries}
    return [found[row.id] for row in sort_rows((entry.row for entry in entries), key, reverse=descending)]
