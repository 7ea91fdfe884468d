"""The Textual app: which screen is shown, what the feed last said, and how the terminal is left."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App, SystemCommand
from textual.filter import LineFilter
from textual.screen import Screen

from workbench.api.stores import Store, open_store
from workbench.ui.actions import EVERYWHERE, actions_of, bindings
from workbench.ui.ascii import AsciiFilter
from workbench.ui.canvas.palette import look_of
from workbench.ui.feed import Feed
from workbench.ui.formatting import line
from workbench.ui.messages import FeedTrouble, LiveChanged, MetersChanged, RunsChanged
from workbench.ui.screens.bench import BenchScreen
from workbench.ui.screens.page import Page

if TYPE_CHECKING:
    from workbench.api.runs import RunRow
    from workbench.ui.canvas.palette import Look


class WorkbenchApp(App[None]):
    """The screens over one store."""

    TITLE = "workbench"
    CSS_PATH = Path(__file__).parent / "styles" / "workbench.tcss"
    BINDINGS = bindings(EVERYWHERE)
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = ""  # it is in the table of actions like every other key
    look: Look | None = None  # what the terminal can show; None: to be found out

    def __init__(
        self, store: Store, *, ascii_only: bool = False, rate: float = 2.0, watch_terminal: bool = False
    ) -> None:
        """`rate` is in looks at the store per second; `watch_terminal` ends the process with its terminal."""
        super().__init__()
        self.store = store
        self.ascii_only = ascii_only
        self.feed = Feed(store, self.post_message, rate)
        self.rows: list[RunRow] | None = None  # None: not looked yet
        self.scheduler = ""
        self.meters: tuple[str, ...] = ()
        self.lives: dict[str, Any] = {}
        self._watch_terminal = watch_terminal
        self._ascii = AsciiFilter()

    @property
    def store_text(self) -> str:
        """Where the runs are, and why there."""
        home, root = str(Path.home()), str(self.store.root)
        short = "~" + root[len(home) :] if root.startswith(home + "/") else root
        return f"{line(short)} ({self.store.why}{', read only' if self.store.read_only else ''})"

    def get_default_screen(self) -> Screen[None]:
        """The Bench lies under all other screens."""
        return BenchScreen()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Every line passes here on its way to the terminal; the one place where signs become ASCII."""
        filters = list(super().get_line_filters())
        return [*filters, self._ascii] if self.ascii_only else filters

    def on_mount(self) -> None:
        look = look_of(self)
        self.ascii_only = self.ascii_only or (look.marker == "ascii" and not self.is_headless)
        self.set_class(look.colours in ("16", "none"), "-plain")
        if not self.is_headless:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        """Look at the store once there is something on the screen."""
        self.run_worker(
            lambda: self.feed.run(self._watch_terminal),
            thread=True,
            exit_on_error=False,
            name="feed",
            group="feed",
        )

    def on_unmount(self) -> None:
        self.feed.stop()

    def exit(self, *args: Any, **options: Any) -> None:
        """Leave; the feed's thread is told, or the process would wait for it."""
        self.feed.stop()
        super().exit(*args, **options)

    # news from the feed, handed to every screen: one below may be shown again

    @property
    def pages(self) -> list[Page]:
        return [screen for screen in self.screen_stack if isinstance(screen, Page) and screen.is_mounted]

    def on_runs_changed(self, message: RunsChanged) -> None:
        self.rows, self.scheduler = message.rows, message.scheduler
        for page in self.pages:
            page.runs_changed()

    def on_live_changed(self, message: LiveChanged) -> None:
        self.lives = message.lives
        for page in self.pages[-1:]:
            page.lives_changed(message.lives)

    def on_meters_changed(self, message: MetersChanged) -> None:
        self.meters = message.meters
        for page in self.pages:
            page.meters_changed()

    def on_feed_trouble(self, message: FeedTrouble) -> None:
        for page in self.pages[-1:]:
            if message.text:
                page.say(message.text, "trouble")
            else:
                page.say("The store can be read again.", "good")

    def watch_runs(self, run_ids: Sequence[str]) -> None:
        """Poll these runs for the panes."""
        self.feed.watch(run_ids)

    # screens; those but the Bench are imported when they are first wanted

    def open_launch(self) -> None:
        from workbench.ui.screens.launch import LaunchScreen

        self.push_screen(LaunchScreen())

    def open_results(self) -> None:
        from workbench.ui.screens.results import ResultsScreen

        self.push_screen(ResultsScreen())

    def open_table(self, named: tuple[str, Callable[[], Any]]) -> None:
        from workbench.ui.screens.table import TableScreen

        self.push_screen(TableScreen(*named))

    def open_compare(self, run_ids: Sequence[str]) -> None:
        from workbench.ui.screens.compare import CompareScreen

        self.push_screen(CompareScreen(run_ids))

    # what can be done everywhere

    def action_help(self) -> None:
        from workbench.ui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen.NAME if isinstance(self.screen, Page) else ""))

    def action_leave(self) -> None:
        self.exit(message="Runs go on without the screens; `workbench` shows them again.")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette: the actions of this screen, then those of Textual (themes, screenshot)."""
        where = screen.NAME if isinstance(screen, Page) else ""
        for action in actions_of(where):
            if action.palette:
                yield SystemCommand(
                    f"{action.label} ({action.key})",
                    action.help,
                    lambda name=action.name: self._do(name),
                )
        for command in super().get_system_commands(screen):
            if command.title in ("Theme", "Screenshot"):
                yield command

    async def _do(self, name: str) -> None:
        app_wide = any(action.name == name for action in actions_of(EVERYWHERE))
        await self.run_action(name, self if app_wide else self.screen)


def run_app(store: Store | Path | None = None, *, mouse: bool = True, ascii: bool = False) -> int:
    """Show the screens until the user leaves; return the exit code. The caller has checked the terminal.

    SIGTERM leaves in order. A hang-up ends the process at once even where it came to us ignored (nohup): on a
    dead terminal the screens would spin for ever. Nothing is lost then; runs are other processes.
    """
    from workbench.settings import user_settings

    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    opened = store if isinstance(store, Store) else open_store(store)
    chosen = user_settings()
    ascii = ascii or chosen.ascii
    app = WorkbenchApp(opened, ascii_only=ascii, rate=chosen.refresh_rate, watch_terminal=True)
    app.run(mouse=mouse and chosen.mouse)
    return app.return_code or 0
