"""A table of results on the screen: what an export would hold, best values marked with a star."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.ui.formatting import line
from workbench.ui.widgets.grid import Grid, GridCell, columns_of

if TYPE_CHECKING:
    from workbench.api.tables import Table

BEST = "★"


class TableGrid(Grid):
    """Shows a `Table` row by row; units are in a second line of the heading."""

    _rows: list[list[GridCell]]

    def show_table(self, table: Table) -> None:
        """Show another table."""
        headings = [(line(column.label, 60), line(column.unit, 60)) for column in table.columns]
        self._rows = [
            [
                GridCell(f"{line(cell.text)} {BEST}", "best") if cell.best else GridCell(line(cell.text))
                for cell in row
            ]
            for row in table.rows
        ]
        texts = [[row[k].text for row in self._rows] for k in range(len(headings))]
        self.reshape(columns_of([column.key for column in table.columns], headings, texts), len(self._rows))

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return a row's cells."""
        return self._rows[row]
