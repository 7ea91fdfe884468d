"""The Textual app: the stack of screens, the newest news from the feed, and how the terminal is left."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App, SystemCommand
from textual.events import Event, Key, Paste, Resize
from textual.filter import LineFilter
from textual.screen import Screen

from workbench import api
from workbench.settings import user_settings
from workbench.ui import alerts
from workbench.ui.actions import EVERYWHERE, actions_of, bindings
from workbench.ui.ascii import AsciiFilter
from workbench.ui.canvas.palette import Look, look_of
from workbench.ui.feed import Feed
from workbench.ui.formatting import line
from workbench.ui.key_order import KeyOrder
from workbench.ui.keys import shown_key
from workbench.ui.messages import FeedTrouble, LiveChanged, MetersChanged, RunsChanged
from workbench.ui.screens.bench import BenchScreen
from workbench.ui.screens.page import Page
from workbench.ui.thin import Shown, ThinUpdate

if TYPE_CHECKING:
    from workbench.api.runs import RunRow
    from workbench.api.stores import Store
    from workbench.ui.launch_form import Draft

# The screens on top of the Bench, imported when they are first opened.
SCREENS = {
    "launch": "workbench.ui.screens.launch:LaunchScreen",
    "results": "workbench.ui.screens.results:ResultsScreen",
    "table": "workbench.ui.screens.table:TableScreen",
    "columns": "workbench.ui.screens.columns:ColumnsScreen",
    "studies": "workbench.ui.screens.studies:StudiesScreen",
    "run": "workbench.ui.screens.run:RunScreen",
    "trash": "workbench.ui.screens.trash:TrashScreen",
    "compare": "workbench.ui.screens.compare:CompareScreen",
    "help": "workbench.ui.screens.help:HelpScreen",
}


class WorkbenchApp(App[None]):
    """The screens over one store."""

    TITLE = "workbench"
    CSS_PATH = Path(__file__).parent / "styles" / "workbench.tcss"
    BINDINGS = bindings(EVERYWHERE)
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = ""  # it is in the table of actions like every other key
    look: Look | None = None  # what the terminal can show; None: detected

    def __init__(
        self, store: Store, *, ascii_only: bool = False, rate: float = 2.0, watch_terminal: bool = False
    ) -> None:
        """`rate` is in polls of the store per second; `watch_terminal` ends the process with its terminal."""
        super().__init__()
        self.store = store
        self.ascii_only = ascii_only
        self.feed = Feed(store, self.post_message, rate)
        self.rings = False  # bell and desktop notification when a run ends
        self.rows: list[RunRow] | None = None  # None before the store was read
        self.scheduler = ""
        self.meters: tuple[str, ...] = ()
        self.lives: dict[str, Any] = {}
        self.drafts: dict[str, Draft] = {}
        home, root = str(Path.home()), str(store.root)
        short = "~" + root[len(home) :] if root.startswith(home + "/") else root
        self.store_text = f"{line(short)} ({store.why}{', read only' if store.read_only else ''})"
        self._watch_terminal = watch_terminal
        self._ascii = AsciiFilter()
        self._shown = Shown()
        self._keys = KeyOrder(self, super().on_event)

    def get_default_screen(self) -> Screen[None]:
        """The Bench is below all other screens."""
        return BenchScreen()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Every line passes here on its way to the terminal; the one place where signs become ASCII."""
        filters = list(super().get_line_filters())
        return [*filters, self._ascii] if self.ascii_only else filters

    def on_mount(self) -> None:
        """Start the feed, once the first screen is painted."""
        look = look_of(self)
        self.ascii_only = self.ascii_only or (look.marker == "ascii" and not self.is_headless)
        self.set_class(look.colours in ("16", "none"), "-plain")
        self.app_resume_signal.subscribe(self, lambda _: self._shown.forget())
        if not self.is_headless:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)
        poll = partial(self.feed.run, self._watch_terminal)
        start = partial(self.run_worker, poll, thread=True, exit_on_error=False, name="feed", group="feed")
        self.call_after_refresh(start)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Write an update of Textual's, without what the terminal shows already."""
        if isinstance(renderable, LayoutUpdate | ChopsUpdate):
            renderable = ThinUpdate(renderable, self._shown)
        super()._display(screen, renderable)

    async def on_event(self, event: Event) -> None:
        """Handle keys and pastes one after the other, all other events at once."""
        if isinstance(event, Resize):
            self._shown.forget()
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            self._keys.add(event)
        else:
            await super().on_event(event)

    def on_unmount(self) -> None:
        self.feed.stop()

    def exit(self, *args: Any, **options: Any) -> None:
        """Quit. The feed's thread is stopped first, or the process would wait for it."""
        self.feed.stop()
        super().exit(*args, **options)

    # news from the feed, handed to every screen: one below may be shown again

    @property
    def pages(self) -> list[Page]:
        return [screen for screen in self.screen_stack if isinstance(screen, Page) and screen.is_mounted]

    def on_runs_changed(self, message: RunsChanged) -> None:
        text = alerts.ended(self.rows, message.rows) if self.rings else ""
        if text and self._driver is not None:
            self._driver.write(alerts.notification(text))
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
            page.top.meters = message.meters

    def on_feed_trouble(self, message: FeedTrouble) -> None:
        for page in self.pages[-1:]:
            if message.text:
                page.show_message(message.text, "trouble")
            else:
                page.show_message("The store can be read again.", "good")

    # what can be done everywhere

    def open_screen(self, name: str, *arguments: Any) -> None:
        """Show another screen on top, made with these arguments."""
        self.push_screen(resolve_name(SCREENS[name])(*arguments))

    def action_help(self) -> None:
        where = self.screen.NAME if isinstance(self.screen, Page) else ""
        if where != "help":
            self.open_screen("help", where)

    def action_leave(self) -> None:
        self.exit(message="Runs continue in the background; `workbench` shows them again.")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette: the actions of this screen, then those of Textual (themes, screenshot)."""
        where = screen.NAME if isinstance(screen, Page) else ""
        for action in actions_of(where):
            if action.palette:
                owner = self if EVERYWHERE in action.where else screen
                run = partial(self.run_action, action.name, owner)
                yield SystemCommand(f"{action.label} ({shown_key(action.keys[0])})", action.help, run)
        for command in super().get_system_commands(screen):
            if command.title in ("Theme", "Screenshot"):
                yield command


def run_app(store: Store | Path | None = None, *, mouse: bool = True, ascii: bool = False) -> int:
    """Show the screens until the user quits; return the exit code. The caller has checked the terminal.

    SIGTERM leaves in order. A hang-up ends the process at once even if it was ignored before (nohup): on a
    dead terminal the screens would spin for ever. Nothing is lost then; runs are other processes.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    opened = api.stores.open_store(store) if store is None or isinstance(store, Path) else store
    chosen = user_settings()
    ascii = ascii or chosen.ascii
    app = WorkbenchApp(opened, ascii_only=ascii, rate=chosen.refresh_rate, watch_terminal=True)
    app.rings = chosen.bell
    app.run(mouse=mouse and chosen.mouse)
    return app.return_code or 0
