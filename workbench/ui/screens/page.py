"""What every screen has: the lines around the body, lists to move in, work in threads, a least size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.events import Resize
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from workbench import api
from workbench.errors import WorkbenchError
from workbench.text import plural
from workbench.ui.actions import actions_of
from workbench.ui.exports import export_everywhere
from workbench.ui.formatting import line
from workbench.ui.labels import tails
from workbench.ui.shell import Shell
from workbench.ui.widgets.chrome import LEAST, KeyBar, Kind, MessageLine, TooSmall, TopBar
from workbench.ui.widgets.grid import Grid

if TYPE_CHECKING:
    from workbench.api.tables import Table
    from workbench.ui.table_draft import TableDraft

REST = 0.08  # seconds that the cursor rests before what is slow is read
CONFIRM = 10.0  # seconds in which a second press confirms


@dataclass
class Done(Message):
    """Work in a thread is done: `then` takes its value, or `trouble` is shown."""

    then: Callable[[Any], None] | None
    value: Any
    trouble: str = ""


class Page(Screen[None], inherit_bindings=False):
    """Base of all screens. `NAME` is the `where` of its actions; subclasses fill `body`."""

    NAME: ClassVar[str] = ""
    PLACE: ClassVar[str] = ""
    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self.top = TopBar()
        self._message = MessageLine()
        self._serial: dict[str, int] = {}
        self.tasks = 0  # in threads; keys wait for them a moment
        self._rest: Timer | None = None
        self._asked = ("", 0.0)  # what waits for a second press, and since when
        self._focus_before: Widget | None = None  # what was focused before the terminal became too small

    def body(self) -> Iterable[Widget]:
        """Return the widgets between the lines."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield self.top
        yield from self.body()
        yield self._message
        yield KeyBar(actions_of(self.NAME))
        yield TooSmall()

    @property
    def bench(self) -> Shell:
        """The app, as a screen may use it."""
        return self.app  # type: ignore[return-value]

    def on_mount(self) -> None:
        self.top.place = self.PLACE
        self.top.store = self.bench.store_text
        self.top.scheduler = self.bench.scheduler
        self.top.meters = self.bench.meters
        self.begin()

    def begin(self) -> None:
        """Called once the screen is mounted; subclasses extend this.

        Not on_mount: Textual calls that of every class in turn, the base class's last.
        """

    def show_message(self, text: str, kind: Kind = "note") -> None:
        """Show a sentence in the line for messages."""
        self._message.show_message(text, kind)

    def in_thread(
        self, work: Callable[[], Any], then: Callable[[Any], None] | None = None, *, group: str = "task"
    ) -> None:
        """Call `work` in a thread, then `then` with its value here. An error becomes a message.

        Of several tasks of one group (but for "task") only the newest one counts.
        """

        def call() -> None:
            try:
                done = Done(then, work())
            except WorkbenchError as error:
                done = Done(None, None, str(error) if "`workbench" not in error.hint else error.title)
            except OSError as error:
                done = Done(None, None, f"The action failed: {error.strerror or error}.")
            except Exception as error:  # a bug must not end the app
                done = Done(None, None, f"The action failed ({type(error).__name__}: {error}).")
            self.post_message(done if not newest or self._serial.get(group) == serial else Done(None, None))

        newest = group != "task"
        serial = self._serial[group] = self._serial.get(group, 0) + 1
        self.tasks += 1
        self.run_worker(call, thread=True, exit_on_error=False, group=group)

    def on_done(self, message: Done) -> None:
        self.tasks -= 1
        if message.trouble:
            self.show_message(message.trouble, "trouble")
        elif message.then is not None:
            message.then(message.value)

    def export(self, name: str, make: Callable[[], Table], folder: Path | None = None) -> None:
        """Make a table in a thread and write it to a folder (default: the working directory)."""
        self.in_thread(
            lambda: export_everywhere(make(), folder or Path.cwd(), name),
            lambda wrote: self.show_message(wrote, "good"),
        )

    def once_rested(self, call: Callable[[], None]) -> None:
        """Call this once the cursor rests; of several calls before that, the last one."""
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST, call)

    def confirmed(self, what: str) -> bool:
        """Whether this was requested a moment ago as well: the second press of a key confirms the first."""
        now, (before, when) = time.monotonic(), self._asked
        self._asked = (what, now) if before != what or now - when > CONFIRM else ("", 0.0)
        return not self._asked[0]

    def change(self, work: Callable[[], object], sentence: Callable[..., str]) -> None:
        """Change the store in a thread, then show the sentence made from the result, and poll the store."""

        def changed(result: object) -> None:
            self.show_message(sentence(result), "good")
            self.bench.feed.hurry()

        self.in_thread(work, changed)

    def queue_missing(self, study: str, budget: str = "") -> None:
        """Queue what is missing of a study at its usual budget, or at another one."""
        store = self.bench.store

        def submit() -> api.studies.Submission:
            found = api.studies.find_study(study)
            chosen = budget or api.studies.usual_budget(store, found)
            return api.studies.submit_study(store, study, budget=chosen)

        def words(made: api.studies.Submission) -> str:
            left = f" {plural(len(made.unavailable), 'run')} lack their data." if made.unavailable else ""
            if not made.queued:
                return f"Nothing to queue: {line(study, 60)} has {made.before}.{left}"
            return f"Queued {plural(len(made.queued), 'run')} of {line(study, 60)}.{left}"

        self.change(submit, words)

    def action_undo(self, token: str = "") -> None:
        """Restore the runs that were removed last, by whichever screen or command; or those of `token`."""

        def restore() -> list[str]:
            found = api.runs.removals(self.bench.store)
            wanted = token or (found[0].token if found else "")
            return api.runs.restore_runs(self.bench.store, wanted)

        self.change(restore, lambda ids: f"Restored {short_list(ids)}.")

    def on_resize(self, event: Resize) -> None:
        """Hide the body while there is no room, and restore the focus afterwards."""
        small = event.size.width < LEAST[0] or event.size.height < LEAST[1]
        if small and self.focused is not None:  # hidden it loses the focus
            self._focus_before = self.focused
        elif not small and self.has_class("-too-small"):
            self.call_after_refresh(lambda: self.set_focus(self.focused or self._focus_before))
        self.set_class(small, "-too-small")
        self.lay_out(event.size.width, event.size.height)

    def lay_out(self, width: int, height: int) -> None:
        """Lay the body out for a size; subclasses extend this."""

    def runs_changed(self) -> None:
        """The app's list of runs has changed; subclasses extend this."""
        self.top.scheduler = self.bench.scheduler

    def lives_changed(self, lives: dict[str, Any]) -> None:
        """The watched runs have news; subclasses extend this."""

    def scroller(self) -> Widget:
        """Return the list or text that the arrow keys move in: the grid of the screen by default."""
        return self.query_one(Grid)

    def action_move(self, by: int, unit: str = "row") -> None:
        """Move the cursor of a list, or scroll a text, by rows, pages, columns, or to an end."""
        target = self.scroller()
        page = target.page if isinstance(target, Grid) else max(1, target.size.height - 1)
        rows = by * {"row": 1, "page": page, "end": 1_000_000}.get(unit, 0)
        if isinstance(target, Grid) and unit == "column":
            target.choose_column(target.column + by)
        elif isinstance(target, Grid):
            target.move(rows)
        else:
            target.scroll_relative(y=rows, animate=False)

    def action_open(self, name: str) -> None:
        """Show another screen; one that is below this one is gone back to."""
        below = [page.NAME for page in self.bench.pages]
        if name in below:
            for _ in below[below.index(name) + 1 :]:
                self.app.pop_screen()
        else:
            self.bench.open_screen(name)

    def action_back(self) -> None:
        """Go back to the previous screen."""
        self.app.pop_screen()


def short_list(ids: Sequence[str], names: Sequence[str] = (), most: int = 3) -> str:
    """Return runs in words: the first ones by name (default: by id), and how many more there are."""
    shown = tails(ids, [line(name, 40) for name in names]) if names else list(ids)
    more = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {more} more" if more > 0 else "")


class Tabulates(Page):
    """A screen that opens the table of some of its runs, or exports it."""

    def table_maker(self) -> Callable[[], TableDraft] | None:
        """Return the function that makes the draft of a table; None after a message why not."""
        raise NotImplementedError

    def action_table(self) -> None:
        if (draft := self.table_maker()) is not None:
            self.in_thread(draft, lambda found: self.bench.open_screen("table", found))

    def action_export(self) -> None:
        """Write the table; since its files are not seen here, only at the second press."""
        draft = self.table_maker()
        if draft is None:
            return
        sure = self.confirmed("export")

        def found(draft: TableDraft) -> None:
            if sure:
                self.export(draft.name, draft.make)
                return
            where = line(Path.cwd(), 200)
            self.show_message(f"e again writes {draft.name}.md, .tex and .csv to {where}; t shows the table.")

        self.in_thread(draft, found)
