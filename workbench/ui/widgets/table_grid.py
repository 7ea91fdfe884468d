"""A table of results on the screen: what an export would hold, best values marked with a star."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events

from workbench.ui.formatting import line
from workbench.ui.labels import apart
from workbench.ui.widgets.grid import Grid, GridCell, columns_of

if TYPE_CHECKING:
    from workbench.api.tables import Table

BEST = "★"
NARROW, LABELS = 110, (30, 60)  # columns of a narrow screen; cells for the words in front of a row


class TableGrid(Grid):
    """Shows a `Table` row by row; units are in a second line of the heading.

    The words in front of the numbers do not scroll sideways, and leave room for the first number: they are
    cut so that rows stay apart. A column of words that is equal in all rows is left out.
    """

    table: Table | None = None
    shown: Sequence[int] = ()  # places of the columns that are shown
    _rows: Sequence[list[GridCell]] = ()

    def show_table(self, table: Table) -> None:
        """Show another table."""
        self.table = table
        self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        table = self.table
        if table is None:
            return
        front = next((k for k in range(len(table.columns)) if table.measured(k)), 0)
        varies = [k for k in range(front) if len({row[k].text for row in table.rows}) > 1]
        varies = (varies or list(range(front))) if len(table.rows) > 1 else list(range(front))
        self.shown = [*varies, *range(front, len(table.columns))]
        headings = [(line(table.columns[k].label, 60), line(table.columns[k].unit, 60)) for k in self.shown]
        texts = [[line(row[k].text) for row in table.rows] for k in self.shown]
        room = LABELS[self.size.width >= NARROW]
        for k in sorted(range(len(varies)), key=lambda k: max(map(len, texts[k]), default=0)):
            left = len(varies) - k  # columns of words that still share the room
            texts[k] = apart(texts[k], max(8, room // max(1, min(left, 2))))
            room -= max(map(len, texts[k]), default=0)
        self._rows = [
            [
                GridCell(f"{texts[place][r]} {BEST}", "best") if row[k].best else GridCell(texts[place][r])
                for place, k in enumerate(self.shown)
            ]
            for r, row in enumerate(table.rows)
        ]
        self.frozen = len(varies)
        keys = [table.columns[k].key for k in self.shown]
        widths = [[row[place].text for row in self._rows] for place in range(len(keys))]
        self.reshape(columns_of(keys, headings, widths), len(self._rows))

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return a row's cells."""
        return self._rows[row]
