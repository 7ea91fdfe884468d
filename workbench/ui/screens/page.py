"""What every screen has: the lines around the body, work in threads, a stand-in when there is no room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.events import Resize
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from workbench.errors import WorkbenchError
from workbench.ui.formatting import line
from workbench.ui.shell import Shell
from workbench.ui.widgets.chrome import KeyBar, Kind, MessageLine, TooSmall, TopBar

LEAST = (60, 18)  # columns and rows below which nothing fits


@dataclass
class Done(Message):
    """Work in a thread is done: `then` is to be called with its value, or the trouble to be told."""

    then: Callable[[Any], None] | None
    value: Any
    trouble: str = ""


class Page(Screen[None], inherit_bindings=False):
    """Base of all screens. `NAME` is the `where` of its actions; subclasses fill `body`."""

    NAME: ClassVar[str] = ""
    PLACE: ClassVar[str] = ""
    AUTO_FOCUS = ""

    def body(self) -> Iterable[Widget]:
        """Return the widgets between the lines."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield TopBar()
        yield from self.body()
        yield MessageLine()
        yield KeyBar(self.NAME)
        yield TooSmall(*LEAST)

    @property
    def bench(self) -> Shell:
        """The app, as a screen may use it."""
        return self.app  # type: ignore[return-value]

    def on_mount(self) -> None:
        top = self.query_one(TopBar)
        top.place = self.PLACE
        top.store = self.bench.store_text
        top.scheduler = self.bench.scheduler
        top.meters = self.bench.meters
        self.begin()

    def begin(self) -> None:
        """Called once when the screen is there; subclasses do what is theirs.

        Not on_mount: Textual calls that of every class in turn, the base class's last.
        """

    def say(self, text: str, kind: Kind = "note") -> None:
        """Show a sentence in the line for messages."""
        self.query_one(MessageLine).say(text, kind)

    def in_thread(
        self, work: Callable[[], Any], then: Callable[[Any], None] | None = None, *, group: str = "task"
    ) -> None:
        """Call `work` in a thread, then `then` with its value here. A WorkbenchError is told.

        Of several tasks of one group (but for "task") only the newest is heard.
        """

        def call() -> None:
            try:
                done = Done(then, work())
            except WorkbenchError as error:
                done = Done(None, None, str(error))
            except OSError as error:
                done = Done(None, None, f"That did not work: {error.strerror or error}.")
            except Exception as error:  # a fault of ours must not take the screens down
                done = Done(
                    None, None, f"That did not work ({type(error).__name__}: {error}). Nothing was lost."
                )
            if not newest or self._serial.get(group) == serial:
                self.post_message(done)

        newest = group != "task"
        serial = self._serial[group] = self._serial.get(group, 0) + 1
        self.run_worker(call, thread=True, exit_on_error=False, group=group)

    def __init__(self) -> None:
        super().__init__()
        self._serial: dict[str, int] = {}
        self._keys: Widget | None = None  # what had the keys before the terminal became too small

    def on_done(self, message: Done) -> None:
        if message.trouble:
            self.say(message.trouble, "trouble")
        elif message.then is not None:
            message.then(message.value)

    def on_resize(self, event: Resize) -> None:
        """Stand aside while there is no room."""
        small = event.size.width < LEAST[0] or event.size.height < LEAST[1]
        if small and self.focused is not None:  # hidden it loses the keys
            self._keys = self.focused
        elif not small and self.has_class("-too-small"):
            self.call_after_refresh(self._give_keys_back)
        self.set_class(small, "-too-small")
        self.lay_out(event.size.width, event.size.height)

    def _give_keys_back(self) -> None:
        if self.focused is None:
            self.set_focus(self._keys)

    def lay_out(self, width: int, height: int) -> None:
        """Lay the body out for a size; subclasses do what is theirs."""

    # news from the feed, forwarded by the app to every screen in the stack

    def runs_changed(self) -> None:
        """The app's list of runs has changed."""
        self.query_one(TopBar).scheduler = self.bench.scheduler

    def lives_changed(self, lives: dict[str, Any]) -> None:
        """The watched runs have news."""

    def meters_changed(self) -> None:
        self.query_one(TopBar).meters = self.bench.meters

    def action_back(self) -> None:
        """Go back to the screen before."""
        self.app.pop_screen()


def told(names: Iterable[str], most: int = 3) -> str:
    """Return names from outside as a short list for a sentence."""
    shown = [line(name, 60) for name in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
