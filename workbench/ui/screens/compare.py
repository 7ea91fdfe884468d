"""Runs side by side: their curves over each other, and beneath them only the settings that differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from textual.containers import Container
from textual.widget import Widget

from workbench.ui.actions import bindings
from workbench.ui.formatting import line
from workbench.ui.screens.page import Page
from workbench.ui.widgets.table_grid import TableGrid

if TYPE_CHECKING:
    from workbench.api.tables import Table


class CompareScreen(Page):
    """Curves and differing settings of a few runs."""

    NAME = "compare"
    PLACE = "Compare"
    BINDINGS = bindings("compare")

    def __init__(self, run_ids: Sequence[str]) -> None:
        super().__init__()
        self.run_ids = list(run_ids)
        self.pane: Any = None
        self.shown: list[Any] = []

    def body(self) -> Iterable[Widget]:
        yield Container(id="curves")
        yield TableGrid(id="differing", show_cursor=False)

    def begin(self) -> None:
        self.in_thread(_curve_pane, self._fill, group="pane")
        self.in_thread(self._differing, self._show, group="differing")

    def on_screen_resume(self) -> None:
        self.bench.watch_runs(self.run_ids)

    def _fill(self, kind: Any) -> None:
        self.pane = kind()
        self.query_one("#curves").mount(self.pane)
        self.pane.focus()
        self.lives_changed(self.bench.lives)

    def _differing(self) -> Table:
        from workbench.api.tables import differing

        return differing(self.bench.store, self.run_ids)

    def _show(self, table: Table) -> None:
        self.grid.show_table(table)
        if not table.rows:
            self.say("All settings are the same; only seeds, or nothing at all, tell these runs apart.")

    def lives_changed(self, lives: dict[str, Any]) -> None:
        found = [lives[run_id] for run_id in self.run_ids if run_id in lives]
        if self.pane is None or not found:
            return
        if found != self.shown:
            self.shown = found
            labels = labelled([(run_id, lives[run_id].label) for run_id in self.run_ids if run_id in lives])
            self.pane.show_many(list(zip(labels, found, strict=True)))
        else:
            self.pane.refresh_data()

    def action_option(self, method: str) -> None:
        change: Callable[[], None] | None = getattr(self.pane, method, None)
        if change is not None:
            change()

    @property
    def grid(self) -> TableGrid:
        return self.query_one(TableGrid)

    def action_move(self, by: int) -> None:
        self.grid.move(by)

    def action_page(self, by: int) -> None:
        self.grid.move(by * self.grid.page)

    def action_top(self) -> None:
        self.grid.scroll_home(animate=False)

    def action_bottom(self) -> None:
        self.grid.scroll_end(animate=False)

    def action_column(self, by: int) -> None:
        self.grid.choose_column(max(0, self.grid.column + by))


def labelled(runs: Sequence[tuple[str, str]]) -> list[str]:
    """Return a label for each (id, name); a name that several share gets the end of its id."""
    names = [name for _, name in runs]
    return [
        f"{line(name, 40)} {run_id.rsplit('-', 1)[-1]}" if names.count(name) > 1 else line(name, 40)
        for run_id, name in runs
    ]


def _curve_pane() -> Any:
    """Import the pane in a thread: it needs numpy."""
    from workbench.ui.widgets.curve_pane import CurvePane

    return CurvePane
