"""Runs side by side: curves overlaid, settings that differ, differences on the same test examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.containers import Container
from textual.widget import Widget

from workbench import api
from workbench.ui.actions import bindings
from workbench.ui.formatting import line
from workbench.ui.labels import apart, tails
from workbench.ui.screens.page import Page
from workbench.ui.screens.panes_page import pick_metrics
from workbench.ui.widgets.pane_deck import load_pane
from workbench.ui.widgets.table_grid import TableGrid

if TYPE_CHECKING:
    from workbench.api.tables import Table


WIDEST = 40  # cells of a run's name


class CompareScreen(Page):
    """Curves, differing settings and paired differences of a few runs."""

    NAME = "compare"
    PLACE = "Compare"
    BINDINGS = bindings("compare")

    def __init__(self, run_ids: Sequence[str]) -> None:
        super().__init__()
        self.run_ids = list(run_ids)
        self.names: dict[str, str] = {}
        self.pane: Any = None
        self.shown: list[Any] = []
        self.grid: TableGrid = TableGrid(id="differing", show_cursor=False)
        self.paired: TableGrid = TableGrid(id="paired", show_cursor=False)

    def body(self) -> Iterable[Widget]:
        yield Container(id="curves")
        yield self.grid
        yield self.paired

    def begin(self) -> None:
        known = {row.id: line(row.name) for row in self.bench.rows or ()}
        labels = tails(self.run_ids, [known.get(run_id, run_id) for run_id in self.run_ids])
        self.names = dict(zip(self.run_ids, apart(labels, WIDEST), strict=True))
        self.in_thread(lambda: load_pane("curves"), self._fill, group="pane")
        store, ids = self.bench.store, self.run_ids
        self.in_thread(lambda: api.tables.paired_runs(store, ids), self._show_paired, group="paired")

    def on_screen_resume(self) -> None:
        self.bench.feed.watch(self.run_ids)

    def _fill(self, kind: Any) -> None:
        self.pane = kind()
        self.pane.border_title = "curves"
        self.query_one("#curves").mount(self.pane)
        self.pane.focus()
        store, ids = self.bench.store, self.run_ids  # after the pane: it has the colours
        self.in_thread(lambda: api.tables.differing(store, ids), self._show, group="table")
        self.lives_changed(self.bench.lives)

    def _show(self, table: Table) -> None:
        """Head each run with its name and the colour of its curve."""
        columns = [
            replace(column, label=self.names.get(column.key, column.label)) for column in table.columns
        ]
        palette = self.pane.palette() if self.pane is not None else None
        if palette is not None:
            self.grid.colours = {run_id: palette.line(k).color for k, run_id in enumerate(self.run_ids)}
        self.grid.show_table(replace(table, columns=tuple(columns)))
        if not table.rows:
            self.show_message("All settings are equal; these runs differ at most in their seeds.")

    def _show_paired(self, table: Table) -> None:
        self.paired.display = bool(table.rows)
        self.paired.show_table(table)

    def lives_changed(self, lives: dict[str, Any]) -> None:
        """Show the runs that were read, each under its name."""
        found = [lives[run_id] for run_id in self.run_ids if run_id in lives]
        if self.pane is None or not found:
            return
        if found == self.shown:
            self.pane.refresh_data()
            return
        self.shown = found
        self.pane.show_many([(self.names[live.id], live) for live in found])

    def action_option(self, method: str, *arguments: Any) -> None:
        if self.pane is not None:
            getattr(self.pane, method)(*arguments)

    def action_metrics(self) -> None:
        if self.pane is not None:
            pick_metrics(self, self.pane)
