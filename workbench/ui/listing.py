"""Which runs Results shows, in which order, singly or in groups: plain functions over 10,000 rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.results.table import number_cell
from workbench.spec.metrics import METRICS, metric
from workbench.ui.words import SIGNS, duration, line

if TYPE_CHECKING:
    from workbench.api.runs import RunRow

# what a term such as state:failed looks at
TERMS: dict[str, Callable[[RunRow], str]] = {
    "state": lambda row: f"{row.state} {row.failure}",
    "model": lambda row: row.kind,
    "data": lambda row: row.data,
    "study": lambda row: f"{row.study} {row.study_id}",
    "preset": lambda row: row.preset,
    "device": lambda row: row.device,
    "tag": lambda row: " ".join(row.tags),
    "seed": lambda row: " ".join(str(seed) for seed in row.seeds),
    "id": lambda row: row.id,
}
EXACT = ("seed",)  # a term of these must be a whole word: seed:1 is not seed 11


@dataclass
class Entry:
    """One line of Results: a run, or all runs of a group. The newest one comes first."""

    rows: tuple[RunRow, ...]
    texts: dict[str, str] = field(default_factory=dict)  # cells that have been shown

    @property
    def row(self) -> RunRow:
        return self.rows[0]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(row.id for row in self.rows)

    @cached_property
    def seeds(self) -> int:
        return sum(len(row.seeds) for row in self.rows)

    def values(self, name: str) -> list[float | None]:
        """Return a metric's final values over all seeds."""
        return [value for row in self.rows for value in row.summary.get(name, ())]

    def mean(self, name: str) -> float | None:
        """Return the mean of the finite ones, None where there is none."""
        finite = [value for value in self.values(name) if value is not None]
        return sum(finite) / len(finite) if finite else None


class Filter:
    """Terms that must all hold: `word`, `state:word`, `-` before either excludes. Case does not count."""

    def __init__(self, text: str) -> None:
        self.terms: list[tuple[bool, str, str]] = []
        self.faults: list[str] = []
        for term in text.lower().split():
            wanted = not (term.startswith("-") and len(term) > 1)
            word = term if wanted else term[1:]
            key, colon, value = word.partition(":")
            if colon and key in TERMS:
                self.terms.append((wanted, key, value))
            else:
                if colon and key.isalpha():
                    self.faults.append(key)
                self.terms.append((wanted, "", word))

    def holds(self, row: RunRow) -> bool:
        """Whether a run is to be shown."""
        return all(self._has(row, key, word) is wanted for wanted, key, word in self.terms)

    @staticmethod
    def _has(row: RunRow, key: str, word: str) -> bool:
        if key in EXACT:
            return not word or word in TERMS[key](row).split()
        if key:
            return word in TERMS[key](row).lower()
        return word in f"{row.name} {row.preset} {row.note} {row.id} {' '.join(row.tags)}".lower()


@dataclass(frozen=True)
class ListColumn:
    """One column of Results: its text, and what it is sorted by (None comes last)."""

    key: str
    label: str
    width: int
    text: Callable[[Entry], str]
    order: Callable[[Entry], float | str | None]
    right: bool = False


def _state(entry: Entry) -> str:
    states = list(dict.fromkeys(row.state for row in entry.rows))
    if len(states) == 1:
        return f"{SIGNS.get(states[0], ('?', ''))[0]} {states[0]}"
    return " ".join(
        f"{SIGNS.get(s, ('?', ''))[0]}{sum(row.state == s for row in entry.rows)}" for s in states
    )


def _took(entry: Entry) -> float | None:
    known = [
        row.ended - row.started for row in entry.rows if row.ended is not None and row.started is not None
    ]
    return sum(known) if known else None


def _created(entry: Entry) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.row.created)) if entry.row.created else ""


PLAIN_COLUMNS: tuple[ListColumn, ...] = (
    ListColumn("state", "state", 11, _state, lambda entry: entry.row.state),
    ListColumn(
        "name", "name", 24, lambda entry: line(entry.row.name, 80), lambda entry: entry.row.name.lower()
    ),
    ListColumn("model", "model", 6, lambda entry: line(entry.row.kind, 20), lambda entry: entry.row.kind),
    ListColumn("data", "data", 8, lambda entry: line(entry.row.data, 20), lambda entry: entry.row.data),
    ListColumn("seeds", "seeds", 5, lambda entry: str(entry.seeds), lambda entry: entry.seeds, right=True),
)
LAST_COLUMNS: tuple[ListColumn, ...] = (
    ListColumn("took", "took", 11, lambda entry: duration(_took(entry)), _took, right=True),
    ListColumn("created", "created", 16, _created, lambda entry: entry.row.created),
    ListColumn("study", "study", 14, lambda e: line(e.row.study, 40), lambda e: e.row.study or None),
    ListColumn(
        "tags", "tags", 14, lambda e: line(" ".join(e.row.tags), 80), lambda e: " ".join(e.row.tags) or None
    ),
    ListColumn("note", "note", 30, lambda e: line(e.row.note, 200), lambda e: e.row.note or None),
)


def metric_column(name: str) -> ListColumn:
    """Return the column of a final metric, mean ± std over seeds."""

    def text(entry: Entry) -> str:
        values = entry.values(name)
        return number_cell(values).text if values else ""

    shown = metric(name)
    return ListColumn(f"metric:{name}", line(shown.label, 30), 18, text, lambda entry: entry.mean(name))


def columns_for(rows: Sequence[RunRow]) -> list[ListColumn]:
    """Return the columns for these runs: what they are, the metrics that any of them has, and the rest."""
    names = dict.fromkeys(name for row in rows for name in row.summary)
    known = [name for name in METRICS if name in names]
    return [
        *PLAIN_COLUMNS,
        *(metric_column(name) for name in [*known, *(name for name in names if name not in METRICS)]),
        *LAST_COLUMNS,
    ]


def entries_of(rows: Sequence[RunRow], chosen: Filter, *, grouped: bool) -> list[Entry]:
    """Return the runs that the filter lets through, one by one or one entry a group."""
    kept = [row for row in rows if chosen.holds(row)] if chosen.terms else rows
    if not grouped:
        return [Entry((row,)) for row in kept]
    groups: dict[str, list[RunRow]] = {}
    for row in kept:
        groups.setdefault(row.group or row.id, []).append(row)
    return [Entry(tuple(group)) for group in groups.values()]


def sort_entries(entries: list[Entry], column: ListColumn, *, descending: bool) -> list[Entry]:
    """Return the entries in the order of a column; those without a value come last either way."""
    keyed: list[tuple[Any, Entry]] = [(column.order(entry), entry) for entry in entries]
    known = sorted(
        (pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=descending
    )
    return [entry for _, entry in known] + [entry for key, entry in keyed if key is None]
