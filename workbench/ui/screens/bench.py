"""The Bench: the queue on the left, the live panes of the chosen run on the right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.containers import Horizontal, Vertical
from textual.scroll_view import ScrollView
from textual.widget import Widget
from textual.widgets import Static

from workbench.ui.actions import bindings
from workbench.ui.exports import export_everywhere, told_paths
from workbench.ui.formatting import line, plural
from workbench.ui.pending_actions import Countdown
from workbench.ui.screens.page import Page
from workbench.ui.widgets.chrome import RunHeader, TabBar
from workbench.ui.widgets.pane_deck import NAMES, PaneDeck, load_panes
from workbench.ui.widgets.run_list import RunList

if TYPE_CHECKING:
    from workbench.api.queue import Verb
    from workbench.api.runs import RunRow

STUDY = "starter"
EMPTY = """Nothing is queued here yet.

Press s to queue the starter study: VAE, LAE, AVB and LEBM on 8×8 digits, 3 seeds each, about 3 minutes.
Press n to choose a preset.

Runs go on when you quit or the connection drops; open workbench again to see them."""

# Of each request to the queue: what is said when it is made, and what a run must be to allow it.
REQUESTS: dict[Verb, tuple[str, str]] = {
    "pause": ("Pausing {name}: it writes a checkpoint first.", "can be paused"),
    "resume": ("Resuming {name}.", "is paused"),
    "cancel": ("Cancelling {name}.", "can be cancelled"),
    "retry": ("{name} is queued again.", "has failed or was cancelled"),
    "priority": ("Priority of {name}: {value:+d}.", "waits"),
}


class BenchScreen(Page):
    """Queue and panes. Wide terminals show all panes, narrow ones one at a time."""

    NAME = "bench"
    PLACE = "Bench"
    BINDINGS = bindings("bench")

    def __init__(self) -> None:
        super().__init__()
        self.countdown = Countdown()
        self.zoomed = False

    def body(self) -> Iterable[Widget]:
        yield Static(EMPTY, id="empty", markup=False)
        yield Horizontal(
            RunList(id="queue"),
            Vertical(RunHeader(), TabBar(NAMES), PaneDeck(id="deck"), id="view"),
            id="body",
        )

    @property
    def queue(self) -> RunList:
        return self.query_one(RunList)

    @property
    def deck(self) -> PaneDeck:
        return self.query_one(PaneDeck)

    def begin(self) -> None:
        self.set_focus(self.queue)
        self.set_interval(1.0, self._tick)
        if self.bench.rows is not None:
            self.runs_changed()
        self.call_after_refresh(self.in_thread, load_panes, self._fill, group="panes")

    def _fill(self, kinds: list[Any]) -> None:
        self.run_worker(self.deck.fill(kinds), exit_on_error=False, group="fill")

    def lay_out(self, width: int, height: int) -> None:
        """All panes need room for two beside the queue, and for three below each other."""
        wide = width >= 110 and height >= 30
        self.set_class(wide, "-wide")
        self.set_class(self.zoomed, "-zoomed")
        self.deck.set_class(width >= 190, "-three")
        self.deck.lay_out(single=self.zoomed or not wide)

    # news

    def runs_changed(self) -> None:
        super().runs_changed()
        rows = self.bench.rows or []
        self.set_class(not rows, "-empty")
        self.queue.update_rows(rows)
        if rows and self.focused is None:  # it was hidden so far
            self.call_after_refresh(self.set_focus, self.queue)
        self.query_one(RunHeader).run_row = self.queue.row

    def lives_changed(self, lives: dict[str, Any]) -> None:
        live = lives.get(self.queue.chosen or "")
        if live is not self.deck.live:
            self.deck.show(live)
        else:
            self.deck.refresh_data()

    def on_run_list_chosen(self, message: RunList.Chosen) -> None:
        self.query_one(RunHeader).run_row = self.queue.row
        self._watch()

    def on_screen_resume(self) -> None:
        self._watch()

    def _watch(self) -> None:
        self.bench.watch_runs([self.queue.chosen] if self.queue.chosen else [])

    # moving about

    def _scroller(self) -> ScrollView | None:
        """A pane of text that has the keys: arrows scroll it instead of the queue."""
        focused = self.focused
        return focused if isinstance(focused, ScrollView) and not isinstance(focused, RunList) else None

    def action_move(self, by: int) -> None:
        pane = self._scroller()
        if pane is not None:
            pane.scroll_relative(y=by, animate=False)
        else:
            self.queue.move(by)

    def action_page(self, by: int) -> None:
        pane = self._scroller()
        if pane is not None:
            pane.scroll_relative(y=by * max(1, pane.size.height - 1), animate=False)
        else:
            self.queue.move(by * self.queue.page)

    def action_top(self) -> None:
        pane = self._scroller()
        if pane is not None:
            pane.scroll_home(animate=False)
        else:
            self.queue.move(-len(self.queue.rows))

    def action_bottom(self) -> None:
        pane = self._scroller()
        if pane is not None:
            pane.scroll_end(animate=False)
        else:
            self.queue.move(len(self.queue.rows))

    def action_pane(self, number: int) -> None:
        self.deck.go(number - 1)
        self.query_one(TabBar).current = self.deck.current

    def action_next(self) -> None:
        """queue → panes in their order → queue"""
        at = self.deck.current + 1 if self.focused in self.deck.panes else 0
        self._focus_place(at + 1)

    def action_previous(self) -> None:
        at = self.deck.current + 1 if self.focused in self.deck.panes else 0
        self._focus_place(at - 1)

    def _focus_place(self, place: int) -> None:
        place %= len(NAMES) + 1
        if place == 0:
            self.set_focus(self.queue)
        else:
            self.action_pane(place)

    def action_zoom(self) -> None:
        self.zoomed = not self.zoomed
        self.lay_out(*self.size)
        if self.zoomed and self.deck.panes:
            self.set_focus(self.deck.panes[self.deck.current])
        elif not self.zoomed:
            self.set_focus(self.queue)

    def action_home(self) -> None:
        if self.zoomed:
            self.action_zoom()
        self.set_focus(self.queue)

    def action_option(self, method: str) -> None:
        """Call a method of every pane that has it: latents and samples step through seeds together."""
        for pane in self.deck.panes:
            change: Callable[[], None] | None = getattr(pane, method, None)
            if change is not None:
                change()

    # the queue

    def action_starter(self) -> None:
        def queue() -> list[str]:
            from workbench.api.studies import submit_study

            return submit_study(self.bench.store, STUDY)

        self.say("Queueing the starter study …")
        self.in_thread(queue, self._queued)

    def _queued(self, ids: list[str]) -> None:
        self.queue.following = True
        self.say(
            f"Queued {plural(len(ids), 'run')}. They go on when you quit; t shows their table.",
            "good",
        )
        self.bench.feed.hurry()

    def _ask(self, verb: Verb, value: int | None = None, row: RunRow | None = None) -> None:
        """Ask the scheduler for something about the chosen run, or say why that cannot be."""
        row = row or self.queue.row
        sentence, what = REQUESTS[verb]
        if row is None:
            self.say("There is no run to do that with. s queues the starter study.", "trouble")
            return
        if not row.allows(verb):
            self.say(f"{line(row.name, 60)} is {row.state}: only a run that {what} takes this.", "trouble")
            return
        run_id, name = row.id, line(row.name, 60)

        def ask() -> None:
            from workbench.api.queue import request

            request(self.bench.store, run_id, verb, value)

        def asked(_: None) -> None:
            self.say(sentence.format(name=name, value=value))
            self.bench.feed.hurry()

        self.in_thread(ask, asked)

    def action_pause(self) -> None:
        self._ask("pause")

    def action_resume(self) -> None:
        self._ask("resume")

    def action_retry(self) -> None:
        self._ask("retry")

    def action_raise_priority(self) -> None:
        if self.queue.row is not None:
            self._ask("priority", self.queue.row.priority + 1)

    def action_lower_priority(self) -> None:
        if self.queue.row is not None:
            self._ask("priority", self.queue.row.priority - 1)

    def action_cancel(self) -> None:
        """Wait a few seconds in which the user may think again; a second press means it."""
        row = self.queue.row
        if row is None or not row.allows("cancel"):
            self._ask("cancel")
        elif row.id in self.countdown:
            self.countdown.drop(row.id)
            self._ask("cancel")
        else:
            self.countdown.begin(row.id)
        self._tell_countdown()

    def action_keep(self) -> None:
        kept = self.countdown.drop()
        if kept:
            self.say(f"Kept {plural(len(kept), 'run')}.")
        else:
            self.say("Nothing is about to be cancelled. R queues a cancelled run again.")
        self._tell_countdown()

    def _tick(self) -> None:
        for run_id in self.countdown.due():
            row = next((row for row in self.queue.rows if row.id == run_id), None)
            if row is not None and row.live:
                self._ask("cancel", row=row)
        self._tell_countdown()

    def _tell_countdown(self) -> None:
        left = self.countdown.left()
        if left or self.queue.countdowns:
            self.queue.count_down(left)
        names = {row.id: line(row.name, 40) for row in self.queue.rows}
        for run_id, seconds in left.items():
            self.say(
                f"Cancelling {names.get(run_id, run_id)} in {seconds} s: u keeps it, x again cancels now.",
                "trouble",
            )

    # further on

    def action_launch(self) -> None:
        self.bench.open_launch()

    def action_results(self) -> None:
        self.bench.open_results()

    def action_table(self) -> None:
        row = self.queue.row
        if row is None:
            self.say("There are no runs to compare yet. s queues the starter study.", "trouble")
        else:
            self.bench.open_table(table_maker(self.bench.store, row, self.bench.rows or []))

    def action_export(self) -> None:
        row = self.queue.row
        if row is None:
            self.say("There is nothing to export yet. s queues the starter study.", "trouble")
            return
        name, make = table_maker(self.bench.store, row, self.bench.rows or [])
        self.in_thread(
            lambda: export_everywhere(make(), Path.cwd(), name),
            lambda paths: self.say(told_paths(paths), "good"),
        )


def table_maker(store: Any, row: RunRow, rows: list[RunRow]) -> tuple[str, Callable[[], Any]]:
    """Return a name and a function that makes the table a run belongs to: its study's, or all runs."""

    def make() -> Any:
        from workbench.api.tables import comparison, study_table

        if row.study_id:
            return study_table(store, row.study_id)
        return comparison(store, rows, title="All runs of this store")

    return (row.study_id or "comparison"), make
