"""The list of Results as a table: filtered, sorted, grouped, with marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.api.runs import Query
from workbench.ui.formatting import state_style
from workbench.ui.labels import labels_of
from workbench.ui.results_rows import (
    Chooser,
    Entry,
    ListColumn,
    columns_for,
    entries_of,
    sort_entries,
    unfolded,
)
from workbench.ui.widgets.grid import Grid, GridCell, GridColumn, wrap

if TYPE_CHECKING:
    from workbench.api.runs import RunRow


class RunTable(Grid):
    """Runs, newest first unless sorted. Texts are made only for visible lines."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.rows: Sequence[RunRow] = ()
        self.entries: list[Entry] = []
        self.chooser = Chooser()
        self.open_groups: set[str] = set()  # hashes of the groups that are unfolded
        self.wanted = Query("")
        self.grouped = False
        self.sorted_by = ""  # key of a column; empty: newest first
        self.descending = False
        self.marked: set[str] = set()
        self.frozen = 2  # sign and name
        self._columns: list[ListColumn] = []
        self._labels: tuple[int, list[str], list[str]] = (0, [], [])  # width, ids and labels of the rows

    @property
    def entry(self) -> Entry | None:
        """The entry under the cursor."""
        return self.entries[self.cursor] if self.cursor < len(self.entries) else None

    def update_rows(self, rows: Sequence[RunRow]) -> None:
        """Take the newest rows; the cursor stays on its run."""
        self.rows = rows
        self.marked &= {row.id for row in rows}
        self.rebuild()

    def choose_columns(self, **changes: Any) -> None:
        """Take other sizes, columns or values of settings: see `Chooser`."""
        self.chooser = replace(self.chooser, **changes)
        self.rebuild()

    def fold(self, entry: Entry) -> None:
        """Unfold a group, or fold it."""
        self.open_groups ^= {entry.row.group}
        self.rebuild()

    def filter(self, wanted: Query) -> None:
        """Keep the runs that match."""
        self.wanted = wanted
        self.cursor = 0
        self.rebuild()

    def rebuild(self) -> None:
        """Filter, group and sort again."""
        here = (self.entry.row.id, self.entry.depth) if self.entry is not None else None
        column_key = self._columns[self.column].key if 0 <= self.column < len(self._columns) else ""
        self._columns = columns_for(self.rows, self.chooser, self.size.width)
        self.entries = entries_of(self.rows, self.wanted, grouped=self.grouped)
        if any(column.key == self.sorted_by for column in self._columns):
            self.entries = sort_entries(
                self.entries, self.sorted_by, self.chooser, descending=self.descending
            )
        if self.grouped:
            self.entries = unfolded(self.entries, self.open_groups)
        self.column = next((k for k, column in enumerate(self._columns) if column.key == column_key), -1)
        if here is not None:
            same = [k for k, entry in enumerate(self.entries) if here[0] in entry.ids]
            place = next((k for k in same if self.entries[k].depth == here[1]), same[0] if same else None)
            self.cursor = self.cursor if place is None else place
        self._name_entries()
        columns = []
        for column in self._columns:
            sign = "" if column.key != self.sorted_by else "▾" if self.descending else "▴"
            first, *more = wrap(column.label + sign, column.width) or [""]
            columns.append(GridColumn(column.key, (first, " ".join(more)), column.width, column.right))
        self.reshape(columns, len(self.entries))

    def _name_entries(self) -> None:
        """Give each entry the part of its name that distinguishes it from the other listed ones."""
        width = next(column.width for column in self._columns if column.key == "name")
        rows = [entry.row for entry in self.entries]
        ids = [row.id for row in rows]
        if self._labels[:2] != (width, ids):  # progress alone changes no name
            self._labels = width, ids, labels_of(rows, width)
        for entry, label in zip(self.entries, self._labels[2], strict=True):
            entry.label = label

    def on_resize(self) -> None:
        self.rebuild()

    def sort_by_column(self) -> str:
        """Sort by the chosen column, or reverse the order; return a phrase that says so."""
        column = self._columns[max(0, self.column)]
        self.descending = not self.descending if column.key == self.sorted_by else column.key == "created"
        self.sorted_by = column.key
        self.rebuild()
        return f"{column.label}, {'descending' if self.descending else 'ascending'}"

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return a row's cells; texts are kept once made."""
        entry = self.entries[row]
        cells = []
        for column in self._columns:
            if column.key not in entry.texts:
                entry.texts[column.key] = column.text(entry)
            style = state_style(entry.row) if column.key == "state" else ""
            cells.append(GridCell(entry.texts[column.key], style))
        return cells

    def mark(self, row: int) -> str:
        """Return the mark of a marked run."""
        return "▪" if self.marked.issuperset(self.entries[row].ids) else " "

    def toggle_mark(self) -> None:
        """Mark or unmark the entry under the cursor, and go to the next one."""
        entry = self.entry
        if entry is not None:
            ids = set(entry.ids)
            self.marked = self.marked - ids if ids <= self.marked else self.marked | ids
            self.refresh_row(self.cursor)
            self.move(1)

    @property
    def listed(self) -> list[RunRow]:
        """The runs that the filter lets through, in the order of the list."""
        return [row for entry in self.entries if not entry.depth for row in entry.rows]

    @property
    def hidden_marks(self) -> int:
        """How many marked runs the filter hides. Nothing is done to them."""
        return len(self.marked) - sum(row.id in self.marked for row in self.listed) if self.marked else 0

    def chosen(self) -> list[RunRow]:
        """Return the marked runs that are listed, in their order; without marks those under the cursor."""
        if self.marked:
            return [row for row in self.listed if row.id in self.marked]
        return list(self.entry.rows) if self.entry is not None else []
