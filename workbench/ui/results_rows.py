"""Which runs Results shows, in which order, singly or in groups: plain functions over 10,000 rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.results.fields import NUMBERS, TIMES, WORDS
from workbench.results.groups import members, pooled
from workbench.results.query import Query, sort_rows
from workbench.results.table import number_cell, spread_cell
from workbench.spec.health import MARKS, health_text, worst
from workbench.spec.metrics import METRICS, metric
from workbench.text import format_bytes, format_duration
from workbench.ui.formatting import SIGNS, line, state_sign

if TYPE_CHECKING:
    from workbench.api.runs import RunRow

DISK = "disk"  # key of the column of sizes


@dataclass
class Entry:
    """One line of Results: a run, or all runs of a group as one row. The newest one comes first."""

    row: RunRow
    rows: tuple[RunRow, ...]
    texts: dict[str, str] = field(default_factory=dict)  # cells that have been shown
    label: str = ""  # the name, cut so that it differs from the others

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
    return entry.label or line(entry.row.name, 80)


def _health(entry: Entry) -> str:
    """Return the gravest verdict on the seeds, and its reasons."""
    verdict = worst(entry.row.health)
    reasons = dict.fromkeys(why for one in entry.row.health if one.verdict == verdict for why in one.reasons)
    return line(": ".join([health_text(entry.row.health), "; ".join(reasons)][: 1 + bool(reasons)]))


def _created(entry: Entry) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.row.created)) if entry.row.created else ""


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
    ListColumn("created", "created", 16, _created),
    ListColumn("study", "study", 14, lambda entry: line(entry.row.study, 40)),
    ListColumn("tag", "tags", 14, lambda entry: line(" ".join(entry.row.tags), 80)),
    ListColumn("note", "note", 30, lambda entry: line(entry.row.note)),
)


def columns_for(rows: Sequence[RunRow], sizes: Mapping[str, int], width: int = FULL) -> list[ListColumn]:
    """Return the columns for these runs: what they are, the metrics that any of them has, and the rest.

    The first metric always has room beside state and name: where `width` is small, models, data sets and
    seeds follow the metrics. What is equal in all runs has no column. `sizes` are the bytes of each run,
    empty until they have been counted.
    """
    full = width >= FULL
    longest = max((len(row.name) + 5 for row in rows), default=4)  # with the end of an id
    state = ListColumn("state", "state", 12, _state) if full else ListColumn("state", "", 2, _sign)
    name = ListColumn("name", "name", max(4, min(longest, NAME + max(0, width - FULL) // 2)), _name)
    identity, last = (
        [column for column in part if _varies(column, rows)] for part in (IDENTITY, LAST_COLUMNS)
    )
    if any(MARKS.get(worst(row.health)) for row in rows):
        last.insert(0, ListColumn("health", "health", 40, _health))
    if sizes:
        last.append(disk_column(sizes))
    names = set().union(*(row.summary for row in rows)) - WORDS.keys() - NUMBERS.keys() - TIMES.keys()
    known = [key for key in METRICS if key in names]
    metrics = [metric_column(key) for key in (*known, *sorted(names - METRICS.keys()))]
    return [state, name, *identity, *metrics, *last] if full else [state, name, *metrics, *identity, *last]


def _varies(column: ListColumn, rows: Sequence[RunRow]) -> bool:
    """Whether the runs differ in a column, or there are too few of them to say."""
    if len(rows) < 2 or column.key in ("seconds", "created"):
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


def sort_entries(
    entries: Sequence[Entry], key: str, sizes: Mapping[str, int], *, descending: bool
) -> list[Entry]:
    """Return the entries in the order of a column; those without a value come last in either order."""
    if key == DISK:
        return sorted(entries, key=lambda e: sum(sizes.get(i, 0) for i in e.ids), reverse=descending)
    found = {entry.row.id: entry for entry in entries}
    return [found[row.id] for row in sort_rows((entry.row for entry in entries), key, reverse=descending)]
