"""A comparison table: mean ± std over seeds, best marked, written to files with one key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from workbench.text import plural
from workbench.ui.actions import bindings
from workbench.ui.formatting import line, whole
from workbench.ui.screens.page import Page
from workbench.ui.widgets.table_grid import BEST, TableGrid

if TYPE_CHECKING:
    from workbench.api.tables import Table


class TableScreen(Page):
    """Shows the table that `make` returns; it is made in a thread, and again when runs have ended."""

    NAME = "table"
    PLACE = "Table"
    BINDINGS = bindings("table")

    def __init__(self, name: str, make: Callable[[], Table]) -> None:
        """`name` is the name of the files when the table is exported."""
        super().__init__()
        self.stem = name
        self.make = make
        self.table: Table | None = None
        self.grid: TableGrid = TableGrid(id="table")
        self.folder = Input(id="folder")
        self.ask = Horizontal(Label("folder"), self.folder, classes="ask hidden", id="ask")
        self.reading = False  # the notes take the screen
        self._over: int | None = None  # which runs were over when the table was made

    def body(self) -> Iterable[Widget]:
        yield Static("", id="title", markup=False)
        yield self.grid
        yield VerticalScroll(Static("", id="notes", markup=False), id="notes-box", can_focus=False)
        yield self.ask

    def begin(self) -> None:
        self.set_focus(self.grid)
        self.runs_changed()

    def runs_changed(self) -> None:
        super().runs_changed()
        over = hash(tuple((row.id, row.state) for row in self.bench.rows or () if not row.live))
        if over != self._over:  # progress alone does not change a table of results
            self._over = over
            self.in_thread(self.make, self._show, group="table")

    def _show(self, table: Table) -> None:
        self.table = table
        self.query_one("#title", Static).update(line(table.title))
        self.grid.show_table(table)
        self.lay_out(*self.size)

    def lay_out(self, width: int, height: int) -> None:
        """Show as many notes as fit into a few lines, and how many are left; or all of them to scroll."""
        if self.table is None:
            return
        best = any(cell.best for row in self.table.rows for cell in row)
        notes = [f"{BEST} best of its column"] * best + [line(note, 600) for note in self.table.notes if note]
        if not self.reading:
            shown, left = whole(notes, width - 2, max(2, height // 8))
            notes = [*shown, *[f"N shows {plural(left, 'more note')}."] * bool(left)]
        self.query_one("#notes", Static).update("\n".join(notes))
        self.set_class(self.reading, "-reading")

    def scroller(self) -> Widget:
        return self.query_one("#notes-box") if self.reading else super().scroller()

    def action_notes(self) -> None:
        self.reading = not self.reading
        self.lay_out(*self.size)

    def action_export(self, folder: Path | None = None) -> None:
        table = self.table
        if table is None:
            self.show_message("The table is not ready yet.", "trouble")
        else:
            self.export(self.stem, lambda: table, folder)

    def action_export_to(self) -> None:
        self.ask.remove_class("hidden")
        self.folder.value = str(Path.cwd())
        self.set_focus(self.folder)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self.action_back()
        self.action_export(Path(message.value.strip() or ".").expanduser().absolute())

    def action_back(self) -> None:
        """Close the notes, the field for the folder, or the screen."""
        if self.reading:
            self.action_notes()
        elif self.ask.has_class("hidden"):
            super().action_back()
        else:
            self.ask.add_class("hidden")
            self.set_focus(self.grid)
