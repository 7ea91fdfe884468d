"""The trash of the store: runs that were deleted in the last week, to be restored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.widgets import Static

from workbench import api
from workbench.text import ago, plural
from workbench.ui.actions import bindings
from workbench.ui.formatting import line
from workbench.ui.screens.page import Page
from workbench.ui.widgets.grid import Grid, GridCell, GridColumn

if TYPE_CHECKING:
    from workbench.api.runs import Removal

WIDTHS = (("deleted", 12), ("runs", 6), ("ids", 200))


class TrashList(Grid):
    """One line for the runs that were deleted together, the newest first."""

    found: Sequence[Removal] = ()

    def show_removals(self, found: Sequence[Removal]) -> None:
        """Show what is in the trash."""
        self.found = found
        self.reshape([GridColumn(key, (key,), width) for key, width in WIDTHS], len(found))

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return when it was, how many runs, and which."""
        one = self.found[row]
        texts = ago(one.time), str(len(one.run_ids)), line(", ".join(one.run_ids), 600)
        return [GridCell(text) for text in texts]


class TrashScreen(Page):
    """What was deleted; u restores the line under the cursor."""

    NAME = "trash"
    PLACE = "Trash"
    BINDINGS = bindings("trash")

    def __init__(self) -> None:
        super().__init__()
        self.grid = TrashList(id="trash")

    def body(self) -> Iterable[Widget]:
        yield Static("", id="title", markup=False)
        yield self.grid

    def begin(self) -> None:
        self.set_focus(self.grid)
        self.runs_changed()

    def runs_changed(self) -> None:
        super().runs_changed()
        self.in_thread(lambda: api.runs.removals(self.bench.store), self._show, group="trash")

    def _show(self, found: Sequence[Removal]) -> None:
        self.grid.show_removals(found)
        runs = sum(len(one.run_ids) for one in found)
        what = f"{plural(runs, 'run')}, kept for a week; u restores" if runs else "The trash is empty."
        self.query_one("#title", Static).update(what)

    def action_undo(self, token: str = "") -> None:
        """Restore the runs under the cursor."""
        if self.grid.cursor < len(self.grid.found):
            super().action_undo(self.grid.found[self.grid.cursor].token)
        else:
            self.show_message("The trash is empty.")
