"""A choice of several in an order: the columns of Results, the metrics or rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Static

from workbench.ui.actions import bindings
from workbench.ui.screens.page import Page
from workbench.ui.widgets.grid import Grid, GridCell, GridColumn

Choice = tuple[str, str]  # key and label of a column


class ColumnList(Grid):
    """The shown columns in their order, then the others; a box shows which are which."""

    HEADED = False

    def __init__(self, shown: Sequence[str], known: Sequence[Choice]) -> None:
        super().__init__(id="columns")
        self.labels = dict(known)
        self.shown = [key for key in shown if key in self.labels]
        self.order = [*self.shown, *(key for key in self.labels if key not in self.shown)]
        self.reshape([GridColumn("box", (), 1), GridColumn("label", (), 60)], len(self.order))

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return the box of a column, and its name."""
        key = self.order[row]
        label = self.labels[key] if self.labels[key] == key else f"{self.labels[key]}  ({key})"
        return GridCell("▣" if key in self.shown else "▢", "good" if key in self.shown else ""), GridCell(
            label
        )

    def toggle(self) -> None:
        """Show or hide the column under the cursor, and go to the next one."""
        key = self.order[self.cursor]
        self.shown = [name for name in self.order if (name in self.shown) != (name == key)]
        self.refresh()
        self.move(1)

    def shift(self, by: int) -> None:
        """Move the column under the cursor among the others."""
        there = max(0, min(self.cursor + by, len(self.order) - 1))
        self.order.insert(there, self.order.pop(self.cursor))
        self.shown = [name for name in self.order if name in self.shown]
        self.refresh()
        self.move_to(there)


class ColumnsScreen(Page):
    """`taken` gets the keys of the columns when the screen is left, None for those of a new start."""

    NAME = "columns"
    PLACE = "Columns"
    BINDINGS = bindings("columns")

    def __init__(
        self,
        shown: Sequence[str],
        known: Sequence[Choice],
        taken: Callable[[list[str] | None], None],
        title: str = "Columns of Results; state and name are always shown.",
    ) -> None:
        super().__init__()
        self.heading = title
        self.grid = ColumnList(shown, known)
        self.taken = taken
        self.before = list(self.grid.shown)

    def body(self) -> Iterable[Widget]:
        yield Static(self.heading, id="title", markup=False)
        yield self.grid

    def begin(self) -> None:
        self.set_focus(self.grid)

    def action_switch(self) -> None:
        self.grid.toggle()

    def action_shift(self, by: int) -> None:
        self.grid.shift(by)

    def action_reset(self) -> None:
        self.app.pop_screen()
        self.taken(None)

    def action_back(self) -> None:
        """Apply the choice and go back."""
        super().action_back()
        if self.grid.shown != self.before:
            self.taken(self.grid.shown)
