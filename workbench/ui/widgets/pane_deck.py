"""The live panes of one run: side by side where there is room, as tabs where there is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.containers import Container

if TYPE_CHECKING:
    from workbench.api.live import LiveRun
    from workbench.ui.widgets.pane import Pane
    from workbench.ui.widgets.text_pane import TextPane

    AnyPane = Pane | TextPane

NAMES = ("curves", "model", "latents", "samples", "log", "config")


def load_panes() -> list[type[AnyPane]]:
    """Import the panes. They need numpy, slow to load: call it in a thread, after the first paint."""
    from workbench.ui.widgets.panes import PANES

    return [PANES[name] for name in NAMES]


class PaneDeck(Container):
    """Six panes in the order of NAMES. One is current: it is the one in sight when they are tabs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.panes: list[AnyPane] = []
        self.current = 0
        self.single = False
        self.live: LiveRun | None = None

    async def fill(self, kinds: list[type[AnyPane]]) -> None:
        """Mount the panes; each has a number in its title."""
        self.panes = [kind(id=name) for name, kind in zip(NAMES, kinds, strict=True)]
        await self.mount_all(self.panes)
        for number, pane in enumerate(self.panes, start=1):
            pane.border_title = f"{number} {NAMES[number - 1]}"
        self._place()
        self.show(self.live)

    def show(self, live: LiveRun | None) -> None:
        """Show another run in every pane."""
        self.live = live
        for pane in self.panes:
            pane.show(live)

    def refresh_data(self) -> None:
        """Tell the panes that the run has news; those out of sight do nothing."""
        for pane in self.panes:
            pane.refresh_data()

    def go(self, index: int) -> None:
        """Make a pane current, and give it the keys."""
        self.current = index % len(NAMES)
        self._place()
        if self.panes:
            self.screen.set_focus(self.panes[self.current])

    def lay_out(self, *, single: bool) -> None:
        """Show the current pane only, or all."""
        self.single = single
        self._place()

    def _place(self) -> None:
        self.set_class(self.single, "-single")
        for k, pane in enumerate(self.panes):
            pane.display = not self.single or k == self.current
