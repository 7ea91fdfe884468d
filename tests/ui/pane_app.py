"""An app with panes on one page, for tests: the run is fixed, and so is what the terminal can show."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from textual.app import App, ComposeResult
from textual.containers import Grid
from textual.widget import Widget

from workbench.api.live import LiveRun
from workbench.ui.canvas.look import Look
from workbench.ui.widgets.panes import PANES

RUN = "20261121-142530-vae-digits-k3f9"
FOUR = ("curves", "model", "latents", "samples")


def live_run(root: Path) -> LiveRun:
    """Return the run of `make_run`, looked at once."""
    live = LiveRun(SimpleNamespace(root=root), RUN)
    live.poll()
    return live


class PaneApp(App[None]):
    """A grid of panes, two a row, all showing one run."""

    CSS = "Grid { grid-size: 2; } Grid > * { border: round $primary; }"

    def __init__(self, live: LiveRun | None, names: tuple[str, ...] = FOUR, look: Look | None = None) -> None:
        super().__init__()
        self.live = live
        self.names = names
        self.look = look or Look()

    def compose(self) -> ComposeResult:
        with Grid():
            for name in self.names:
                yield PANES[name](id=name)

    def on_mount(self) -> None:
        for pane in self.query("Grid > *"):
            pane.show(self.live)  # type: ignore[attr-defined]


def screen_text(app: App[None]) -> list[str]:
    """Return what is on the screen, row by row."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


def pane_text(pane: Widget) -> str:
    """Return what a pane shows now, borders left out."""
    return "\n".join(pane.render_line(y).text for y in range(pane.size.height))
