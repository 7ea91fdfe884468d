"""The live panes of one run: side by side if there is room, otherwise as tabs.

A pane is a subclass of `LivePane` in a module of its own, and one line in PANES. Number, key, tab, help line
and entry in the command palette follow from that.
"""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from textual.containers import Container

from workbench.ui.keys import Action

if TYPE_CHECKING:
    from workbench.api.live import LiveRun
    from workbench.ui.widgets.pane import LivePane

# Names in the order of their numbers, with the class: it needs numpy, and is loaded after the first paint.
PANES: dict[str, str] = {
    "curves": "workbench.ui.widgets.curve_pane:CurvePane",
    "model": "workbench.ui.widgets.model_pane:ModelPane",
    "latents": "workbench.ui.widgets.scatter_pane:ScatterPane",
    "samples": "workbench.ui.widgets.sample_pane:SamplePane",
    "log": "workbench.ui.widgets.log_pane:LogPane",
    "config": "workbench.ui.widgets.config_pane:ConfigPane",
    "report": "workbench.ui.widgets.report_pane:ReportPane",
}


def load_pane(name: str) -> type[LivePane]:
    """Import the class of a pane. The first one takes a while: call it in a thread."""
    kind: type[LivePane] = resolve_name(PANES[name])
    return kind


def pane_actions() -> list[Action]:
    """Return the actions that show the panes: number keys, with the help line of each class."""

    def about(name: str) -> Callable[[], str]:
        return lambda: load_pane(name).HELP

    numbered = enumerate(PANES, start=1)
    return [
        Action(f"pane({k})", (str(k),), name, about(name), ("bench", "run"), "Panes") for k, name in numbered
    ]


class PaneDeck(Container):
    """The panes in the order of PANES. One is current: it is the visible one when they are tabs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.panes: list[LivePane] = []
        self.current = 0
        self.single = False
        self.live: LiveRun | None = None

    def fill(self, kinds: dict[str, type[LivePane]]) -> None:
        """Mount the panes; each has its number in its title."""
        self.panes = [kind(id=name) for name, kind in kinds.items()]
        self.mount_all(self.panes)
        for number, pane in enumerate(self.panes, start=1):
            pane.border_title = f"{number} {pane.id}"
        self.lay_out(single=self.single)
        self.show(self.live)

    def show(self, live: LiveRun | None) -> None:
        """Show a run in every pane, or only its news if it is shown already."""
        self.live = live
        for pane in self.panes:
            pane.follow(live)

    def go(self, index: int) -> None:
        """Make a pane current, and focus it."""
        self.current = index % len(PANES)
        self.lay_out(single=self.single)
        if self.panes:
            self.screen.set_focus(self.panes[self.current])

    def lay_out(self, *, single: bool) -> None:
        """Show the current pane only, or all."""
        self.single = single
        self.set_class(single, "-single")
        for k, pane in enumerate(self.panes):
            pane.display = not single or k == self.current
        if self.panes:  # the last one fills its row
            columns = 3 if self.has_class("-three") else 2
            self.panes[-1].styles.column_span = columns - (len(self.panes) - 1) % columns
