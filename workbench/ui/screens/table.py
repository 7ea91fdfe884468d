"""A comparison table: mean ± std over seeds, best marked, written to files with one key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from workbench.ui.actions import bindings
from workbench.ui.exports import export_everywhere, told_paths
from workbench.ui.formatting import line, plural, whole
from workbench.ui.screens.page import Page
from workbench.ui.widgets.table_grid import BEST, TableGrid

if TYPE_CHECKING:
    from workbench.api.tables import Table


class TableScreen(Page):
    """Shows the table that `make` returns; it is made in a thread, and again when runs have changed."""

    NAME = "table"
    PLACE = "Table"
    BINDINGS = bindings("table")

    def __init__(self, name: str, make: Callable[[], Table]) -> None:
        """`name` is what the files are called when the table is exported."""
        super().__init__()
        self.named = name
        self.make = make
        self.table: Table | None = None
        self._over: int | None = None  # which runs were over when the table was made

    def body(self) -> Iterable[Widget]:
        yield Static("", id="title", markup=False)
        yield TableGrid(id="table")
        yield Static("", id="notes", markup=False)
        yield Horizontal(Label("folder"), Input(id="folder"), classes="ask hidden", id="ask")

    def begin(self) -> None:
        self.set_focus(self.query_one(TableGrid))
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
        grid = self.query_one(TableGrid)
        grid.show_table(table)
        self._tell()

    def _tell(self) -> None:
        """Show as many notes as a third of the screen has room for, and say how many more there are."""
        table = self.table
        if table is None:
            return
        legend = f"{BEST} best of its column" if any(cell.best for row in table.rows for cell in row) else ""
        notes = [note for note in (legend, *(line(note, 400) for note in table.notes)) if note]
        shown, left = whole(notes, self.size.width - 2, self.size.height // 3)
        if left:
            shown.append(f"… and {plural(left, 'more note')}: e writes them all.")
        self.query_one("#notes", Static).update("\n".join(shown))

    def lay_out(self, width: int, height: int) -> None:
        self._tell()

    def _export(self, folder: Path) -> None:
        table = self.table
        if table is None:
            self.say("The table is still being made.", "trouble")
            return
        self.in_thread(
            lambda: export_everywhere(table, folder, self.named),
            lambda paths: self.say(told_paths(paths), "good"),
        )

    def action_export(self) -> None:
        self._export(Path.cwd())

    def action_export_to(self) -> None:
        self.query_one("#ask").remove_class("hidden")
        box = self.query_one("#folder", Input)
        box.value = str(Path.cwd())
        self.set_focus(box)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self._close()
        self._export(Path(message.value.strip() or ".").expanduser().absolute())

    def _close(self) -> None:
        self.query_one("#ask").add_class("hidden")
        self.set_focus(self.query_one(TableGrid))

    def action_back(self) -> None:
        if self.query_one("#ask").has_class("hidden"):
            super().action_back()
        else:
            self._close()

    def action_move(self, by: int) -> None:
        self.query_one(TableGrid).move(by)

    def action_page(self, by: int) -> None:
        grid = self.query_one(TableGrid)
        grid.move(by * grid.page)

    def action_column(self, by: int) -> None:
        grid = self.query_one(TableGrid)
        grid.choose_column(max(0, grid.column + by))

    def action_top(self) -> None:
        self.query_one(TableGrid).move_to(0)

    def action_bottom(self) -> None:
        grid = self.query_one(TableGrid)
        grid.move_to(grid.count - 1)
