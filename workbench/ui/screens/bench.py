"""The Bench: the queue on the left, the live panes of the chosen run on the right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Static

from workbench import api
from workbench.text import plural
from workbench.ui.actions import bindings
from workbench.ui.formatting import line
from workbench.ui.pending_actions import Countdown
from workbench.ui.screens.panes_page import PanesPage
from workbench.ui.table_draft import draft_of_rows, draft_of_study
from workbench.ui.widgets.grid import Grid
from workbench.ui.widgets.run_list import RunList

if TYPE_CHECKING:
    from workbench.api.queue import Verb
    from workbench.api.runs import RunRow
    from workbench.ui.table_draft import TableDraft

STUDY = "starter"
UNSEEN = 5.0  # seconds in which the list may not show yet what was requested
EMPTY = """The queue is empty.

Press s to queue the starter study: VAE, LAE, AVB and LEBM on 8×8 digits, 3 seeds each, about 3 minutes.
Press n to choose a preset.

Runs continue in the background when you quit or the connection drops; open workbench again to see them."""

# For each request: how a refusal names it, and the message once it is made.
REQUESTS: dict[Verb, tuple[str, str]] = {
    "pause": ("pause {name}", "Pausing {name}: it writes a checkpoint first."),
    "resume": ("resume {name}", "Resuming {name}."),
    "cancel": ("cancel {name}", "Cancelling {name}."),
    "retry": ("retry {name}", "{name} is queued again."),
    "priority": ("change the priority of {name}", "Priority of {name}: {value:+d}."),
}


class BenchScreen(PanesPage):
    """Queue and panes. Wide terminals show all panes, narrow ones one at a time."""

    NAME = "bench"
    PLACE = "Bench"
    BINDINGS = bindings("bench")

    def __init__(self) -> None:
        super().__init__()
        self.queue = RunList(id="queue")
        self.countdown = Countdown()
        self.wished: dict[str, tuple[int, float]] = {}  # by run: the priority requested last, and when

    def body(self) -> Iterable[Widget]:
        yield Static(EMPTY, id="empty", markup=False)
        yield Horizontal(self.queue, Vertical(self.header, self.tabs, self.deck, id="view"), id="body")

    def begin(self) -> None:
        self.set_focus(self.queue)
        self.set_interval(1.0, self._tick)
        if self.bench.rows is not None:
            self.runs_changed()
        self.load_panes()

    # news

    def runs_changed(self) -> None:
        super().runs_changed()
        rows = self.bench.rows or []
        self.set_class(not rows, "-empty")
        self.queue.update_rows(rows)
        if rows and self.focused is None:  # it was hidden so far
            self.call_after_refresh(self.set_focus, self.queue)
        self.header.run_row = self.queue.row

    @property
    def shown_run(self) -> str:
        return self.queue.chosen or ""

    @property
    def beside(self) -> Grid:
        return self.queue

    def on_grid_moved(self, message: Grid.Moved) -> None:
        self.header.run_row = self.queue.row
        self.on_screen_resume()

    def action_home(self) -> None:
        if self.zoomed:
            self.action_zoom()
        self.set_focus(self.beside)

    # the queue

    def action_starter(self) -> None:
        def queued(made: api.studies.Submission) -> None:
            if not made.queued:
                self.show_message(f"Nothing to queue: the starter study has {made.before}.")
                return
            self.queue.following = True
            runs = plural(len(made.queued), "run")
            self.show_message(f"Queued {runs}. They continue when you quit; t shows their table.", "good")
            self.bench.feed.hurry()

        self.show_message("Queueing the starter study …")
        self.in_thread(lambda: api.studies.submit_study(self.bench.store, STUDY), queued)

    def action_request(self, verb: Verb, value: int | None = None, row: RunRow | None = None) -> None:
        """Request something of the scheduler for the chosen run (or `row`), or say why it is refused."""
        row = row or self.queue.row
        what, message = REQUESTS[verb]
        if row is None:
            self.show_message("No run selected. s queues the starter study.", "trouble")
            return
        run_id, name = row.id, line(row.name, 60)
        if not row.allows(verb):
            self.show_message(f"Cannot {what.format(name=name)}: it is {row.state}.", "trouble")
            return

        def requested(_: None) -> None:
            self.show_message(message.format(name=name, value=value))
            self.bench.feed.hurry()

        self.in_thread(lambda: api.queue.request(self.bench.store, run_id, verb, value), requested)

    def action_priority(self, by: int) -> None:
        """Change the priority, counted from the one requested last: the list may not show it yet."""
        row = self.queue.row
        if row is None or not row.allows("priority"):
            self.action_request("priority")
            return
        wanted, when = self.wished.get(row.id, (row.priority, 0.0))
        wanted = (wanted if time.monotonic() - when < UNSEEN else row.priority) + by
        self.wished[row.id] = wanted, time.monotonic()
        self.action_request("priority", wanted)

    def action_cancel(self) -> None:
        """Wait a few seconds in which the user can change their mind; a second press cancels at once."""
        row = self.queue.row
        if row is None or not row.allows("cancel"):
            self.action_request("cancel")
        elif row.id in self.countdown:
            del self.countdown[row.id]
            self.action_request("cancel")
        else:
            self.countdown.begin(row.id)
        self._show_countdown()

    def action_undo(self, token: str = "") -> None:
        """Keep the runs that are about to be cancelled; without such, restore those deleted last."""
        if not self.countdown:
            super().action_undo(token)
            return
        self.show_message(f"Kept {plural(len(self.countdown), 'run')}.")
        self.countdown.clear()
        self._show_countdown()

    def _tick(self) -> None:
        for run_id in self.countdown.due():
            row = next((row for row in self.queue.rows if row.id == run_id), None)
            if row is not None and row.live:
                self.action_request("cancel", row=row)
        self._show_countdown()

    def _show_countdown(self) -> None:
        left = self.countdown.left()
        if left or self.queue.countdowns:
            self.queue.count_down(left)
        names = {row.id: line(row.name, 40) for row in self.queue.rows}
        for run_id, seconds in left.items():
            message = (
                f"Cancelling {names.get(run_id, run_id)} in {seconds} s: u keeps it, x again cancels now."
            )
            self.show_message(message, "trouble")

    def table_maker(self) -> Callable[[], TableDraft] | None:
        """Return what makes the draft of the chosen run's table: its study's, or of all runs."""
        row, store, rows = self.queue.row, self.bench.store, self.bench.rows or []
        if row is None:
            self.show_message("No run selected. s queues the starter study.", "trouble")
            return None
        if row.study_id:
            return partial(draft_of_study, store, row.study_id)
        return partial(draft_of_rows, store, rows, "All runs of this store")
