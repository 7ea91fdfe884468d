"""Panes for tests: drawn without an app, and an app with some on one page over a run that is fixed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rich.style import Style
from textual.app import App, ComposeResult
from textual.containers import Grid
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from tests.stores import append_row, live_run, make_run
from workbench.api.live import LiveRun
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Look, Palette
from workbench.ui.widgets.pane import Pane
from workbench.ui.widgets.pane_deck import load_pane

FOUR = ("curves", "model", "latents", "samples")
SIZES = [(0, 0), (1, 1), (3, 2), (10, 3), (30, 10), (80, 24), (240, 60)]
LOOKS = [Look(), Look("braille", "none"), Look("quadrant", "16"), Look("ascii", "none")]


class PaneApp(App[None]):
    """A grid of panes, two a row, all showing one run."""

    CSS = "Grid { grid-size: 2; } Grid > * { border: round $primary; }"

    def __init__(self, live: LiveRun, *names: str, look: Look | None = None) -> None:
        super().__init__()
        self.live, self.names, self.look = live, names, look or Look()

    def compose(self) -> ComposeResult:
        with Grid():
            for name in self.names:
                yield load_pane(name)(id=name)

    def on_mount(self) -> None:
        for pane in self.query("Grid > *"):
            pane.border_title = pane.id
            pane.show(self.live)  # type: ignore[attr-defined]


@asynccontextmanager
async def shown(live: LiveRun, *names: str, size: tuple[int, int]) -> AsyncIterator[Pilot[None]]:
    """Open panes over a run."""
    async with PaneApp(live, *names).run_test(size=size) as pilot:
        await pilot.pause()
        yield pilot


def pane_text(pane: Widget) -> str:
    """Return what a pane shows now, borders left out."""
    return "\n".join(pane.render_line(y).text for y in range(pane.size.height))


def strips(pane: Pane, width: int, height: int, look: Look | None = None) -> list[Strip]:
    palette = Palette(Style(color="#e0e0e0", bgcolor="#101010"), look or Look())
    frame = Frame(width, height, palette)
    pane.draw(frame, palette)
    return frame.strips()


def drawn(pane: Pane, width: int = 80, height: int = 24, look: Look | None = None) -> str:
    rows = strips(pane, width, height, look)
    assert [row.cell_length for row in rows] == [width] * height
    assert all(part.style is not None for row in rows for part in row)
    return "\n".join(row.text for row in rows)


def at_every_size(pane: Pane) -> None:
    for look in LOOKS:
        for width, height in SIZES:
            text = drawn(pane, width, height, look)
            assert look.marker != "ascii" or text.isascii()


def showing(kind: Callable[[], Any], live: LiveRun | None) -> Any:
    pane = kind()
    pane.show(live)
    return pane


def run_with(root: Path, values: list[Any], names: tuple[str, ...] = ("loss",), **options: Any) -> LiveRun:
    """A run whose metrics all have the given values, one row a step; `None` stands for null."""
    paths = make_run(root, state="running", points=0, **options)
    for step, value in enumerate(values):
        append_row(paths, step, **dict.fromkeys(names, value))
    return live_run(root)
