"""One run, opened from a list: the panes of the Bench over the whole screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.widget import Widget

from workbench.ui.actions import bindings
from workbench.ui.formatting import line
from workbench.ui.screens.panes_page import PanesPage
from workbench.ui.table_draft import draft_of_rows, draft_of_study

if TYPE_CHECKING:
    from workbench.ui.table_draft import TableDraft


class RunScreen(PanesPage):
    """The live panes of a run, which may be over."""

    NAME = "run"
    PLACE = "Run"
    BINDINGS = bindings("run")

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id

    @property
    def shown_run(self) -> str:
        return self.run_id

    def body(self) -> Iterable[Widget]:
        yield Vertical(self.header, self.tabs, self.deck, id="view")

    def begin(self) -> None:
        self.runs_changed()
        self.load_panes()

    def runs_changed(self) -> None:
        super().runs_changed()
        row = next((row for row in self.bench.rows or () if row.id == self.run_id), None)
        self.header.run_row = row
        if row is None:
            self.show_message(
                f"{self.run_id} is not in the store any more; u restores deleted runs.", "trouble"
            )

    def table_maker(self) -> Callable[[], TableDraft] | None:
        """Return what makes the draft of the table of the run's study, or of the run alone."""
        row, store = self.header.run_row, self.bench.store
        if row is None:
            return None
        if row.study_id:
            return partial(draft_of_study, store, row.study_id)
        return partial(draft_of_rows, store, [row], line(row.name, 60))

    def action_back(self) -> None:
        """End the zoom, or go back to the list."""
        if self.zoomed:
            self.action_zoom()
        else:
            super().action_back()
