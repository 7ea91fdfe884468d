"""What the screens with the live panes of one run share: the Bench, and a run opened from Results."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from textual.scroll_view import ScrollView
from textual.widget import Widget

from workbench.spec.metrics import metric
from workbench.ui.formatting import line
from workbench.ui.screens.page import Page, Tabulates
from workbench.ui.widgets.chrome import RunHeader, TabBar
from workbench.ui.widgets.grid import Grid
from workbench.ui.widgets.pane_deck import PANES, PaneDeck, load_pane


class PanesPage(Tabulates):
    """Header, tabs and panes. Wide terminals show all panes, narrow ones one at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.deck = PaneDeck(id="deck")
        self.header = RunHeader()
        self.tabs = TabBar()
        self.zoomed = False

    @property
    def shown_run(self) -> str:
        """The id of the run in the panes, empty for none."""
        raise NotImplementedError

    @property
    def beside(self) -> Grid | None:
        """The list beside the panes, if there is one."""
        return None

    def load_panes(self) -> None:
        """Import and mount the panes, once the first frame is painted."""
        load = partial(self.in_thread, lambda: {name: load_pane(name) for name in PANES}, self.deck.fill)
        self.call_after_refresh(load, group="panes")

    def lives_changed(self, lives: dict[str, Any]) -> None:
        self.deck.show(lives.get(self.shown_run))

    def on_screen_resume(self) -> None:
        self.bench.feed.watch([self.shown_run] if self.shown_run else [])

    def lay_out(self, width: int, height: int) -> None:
        """Show all panes if two fit beside the queue, and all rows of two below each other."""
        wide = width >= 110 and height >= 3 + 9 * ((len(PANES) + 1) // 2)
        self.set_class(wide, "-wide")
        self.set_class(self.zoomed, "-zoomed")
        self.deck.set_class(width >= 190, "-three")
        self.deck.lay_out(single=self.zoomed or not wide)

    def scroller(self) -> Widget:
        """A focused pane of text scrolls; otherwise the cursor of the list moves, if there is one."""
        if isinstance(self.focused, ScrollView) or self.beside is None:
            return self.focused or self.deck
        return self.beside

    def action_pane(self, number: int) -> None:
        self.deck.go(number - 1)
        self.tabs.current = self.deck.current

    def action_step(self, by: int) -> None:
        """Go round: list → panes in their order → list."""
        first = int(self.beside is None)
        here = self.deck.current + 1 if self.focused in self.deck.panes else 0
        there = (here + by - first) % (len(PANES) + 1 - first) + first
        if there:
            self.action_pane(there)
        else:
            self.set_focus(self.beside)

    def action_zoom(self) -> None:
        self.zoomed = not self.zoomed
        self.lay_out(*self.size)
        if self.zoomed and self.deck.panes:
            self.set_focus(self.deck.panes[self.deck.current])
        elif not self.zoomed:
            self.set_focus(self.beside or self.focused)

    def action_option(self, method: str, *arguments: Any) -> None:
        """Call a method of every pane that has it: latents and samples step through seeds together."""
        for pane in self.deck.panes:
            change: Callable[..., None] | None = getattr(pane, method, None)
            if change is not None:
                change(*arguments)

    def action_metrics(self) -> None:
        """Pick the metrics of the curves; they stay for other runs."""
        curves = next((pane for pane in self.deck.panes if hasattr(pane, "pick")), None)
        if curves is not None:
            pick_metrics(self, curves)

    def action_copy_folder(self) -> None:
        """Copy the run's folder to the clipboard, by the terminal (OSC 52)."""
        if not self.shown_run:
            self.show_message("No run selected. s queues the starter study.", "trouble")
            return
        folder = str(self.bench.store.root / self.shown_run)
        self.app.copy_to_clipboard(folder)
        self.show_message(f"Copied {line(folder, 300)}", "good")


def pick_metrics(page: Page, curves: Any) -> None:
    """Open the list of the metrics that have curves, for a pane of curves."""
    known = [(name, metric(name).label) for name in curves.metrics()]
    shown = curves.picked or tuple(name for name, _ in known[:1])
    title = "Metrics of the curves; several get a plot each."
    page.bench.open_screen("columns", shown, known, lambda keys: curves.pick(tuple(keys or ())), title)
