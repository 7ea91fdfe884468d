"""Which runs Results shows, in which order, singly or in groups: plain functions over 10,000 rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.results.groups import members, pooled
from workbench.results.query import NUMBERS, TIMES, WORDS, Query, sort_rows
from workbench.results.table import number_cell
from workbench.spec.metrics import METRICS, metric
from workbench.ui.formatting import SIGNS, duration, line

if TYPE_CHECKING:
    from workbench.api.runs import RunRow


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
    """One column of Results. `key` is a field or metric of the filter line; it is sorted by that."""

    key: str
    label: str
    width: int
    text: Callable[[Entry], str]
    right: bool = False


def _state(entry: Entry) -> str:
    states = list(dict.fromkeys(row.state for row in entry.rows))
    if len(states) == 1:
        return f"{SIGNS.get(states[0], ('?', ''))[0]} {states[0]}"
    return " ".join(
        f"{SIGNS.get(s, ('?', ''))[0]}{sum(row.state == s for row in entry.rows)}" for s in states
    )


def _created(entry: Entry) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.row.created)) if entry.row.created else ""


def _plain_columns(rows: Sequence[RunRow]) -> list[ListColumn]:
    """Return the columns that say what a run is, as wide as these runs need, that metrics have room too."""

    def width(heading: str, get: Callable[[RunRow], str], most: int) -> int:
        return min(most, max(len(heading), *(len(get(row)) for row in rows), 0))

    return [
        ListColumn("state", "state", 11, _state),
        ListColumn("name", "name", width("name", lambda row: row.name, 24), lambda e: line(e.row.name, 80)),
        ListColumn(
            "model", "model", width("model", lambda row: row.kind, 12), lambda e: line(e.row.kind, 20)
        ),
        ListColumn("data", "data", width("data", lambda row: row.data, 14), lambda e: line(e.row.data, 20)),
        ListColumn("seeds", "seeds", 5, lambda entry: str(len(entry.row.seeds)), right=True),
    ]


LAST_COLUMNS: tuple[ListColumn, ...] = (
    ListColumn("seconds", "took", 11, lambda entry: duration(NUMBERS["seconds"](entry.row)), right=True),
    ListColumn("created", "created", 16, _created),
    ListColumn("study", "study", 14, lambda entry: line(entry.row.study, 40)),
    ListColumn("tag", "tags", 14, lambda entry: line(" ".join(entry.row.tags), 80)),
    ListColumn("note", "note", 30, lambda entry: line(entry.row.note, 200)),
)


def metric_column(name: str) -> ListColumn:
    """Return the column of a final metric, mean ± std over seeds (of the training time: over runs)."""
    one_per = metric(name).one_per

    def text(entry: Entry) -> str:
        values = entry.row.summary.get(name, ())
        if one_per == "data set" or (one_per == "run" and len(entry.rows) == 1):
            values = values[:1]  # seeds share it
        return number_cell(values).text if values else ""

    return ListColumn(name, line(metric(name).label, 30), 18, text)


def columns_for(rows: Sequence[RunRow]) -> list[ListColumn]:
    """Return the columns for these runs: what they are, the metrics that any of them has, and the rest."""
    names = set().union(*(row.summary for row in rows)) - WORDS.keys() - NUMBERS.keys() - TIMES.keys()
    known = [name for name in METRICS if name in names]
    return [
        *_plain_columns(rows),
        *map(metric_column, [*known, *sorted(names - METRICS.keys())]),
        *LAST_COLUMNS,
    ]


def entries_of(rows: Sequence[RunRow], chosen: Query, *, grouped: bool) -> list[Entry]:
    """Return the runs that the filter lets through, one by one or one entry a group."""
    kept = [row for row in rows if chosen(row)] if chosen.tests else rows
    if grouped:
        return [Entry(pooled(group), tuple(group)) for group in members(kept)]
    return [Entry(row, (row,)) for row in kept]


def sort_entries(entries: Sequence[Entry], key: str, *, descending: bool) -> list[Entry]:
    """Return the entries in the order of a column; those without a value come last either way."""
    found = {entry.row.id: entry for entry in entries}
    return [found[row.id] for row in sort_rows((entry.row for entry in entries), key, reverse=descending)]
