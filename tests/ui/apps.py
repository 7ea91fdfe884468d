"""Apps over made-up stores for the tests of the screens, and how to wait until they have come to rest."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import textual.app
import textual.pilot
import textual.screen
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from tests.stores import make_run, make_store
from workbench.api.stores import Store, open_store
from workbench.ui.app import WorkbenchApp
from workbench.ui.screens.bench import BenchScreen
from workbench.ui.screens.page import Page
from workbench.ui.screens.panes_page import PanesPage
from workbench.ui.screens.results import ResultsScreen
from workbench.ui.widgets.chrome import MessageLine

RUNS = (
    ("20261121-142530-vae-digits-k3f9", "vae", "finished"),
    ("20261121-142531-lae-digits-m2p4", "lae", "running"),
    ("20261121-142532-avb-digits-q7r8", "avb", "queued"),
    ("20261121-142533-lebm-digits-t5w6", "lebm", "failed"),
)
VAE, LAE, AVB, LEBM = (run_id for run_id, _, _ in RUNS)


async def idle(*_: float) -> None:
    """Wait until the event loop has no callback left to run.

    Textual's own function samples the CPU in steps of 20 ms, twice per key, and waits up to a second on a
    busy machine.
    """
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    quiet = 0
    while quiet < 3:
        await asyncio.sleep(0)
        quiet = 0 if ready else quiet + 1


textual.app.wait_for_idle = textual.pilot.wait_for_idle = idle  # type: ignore[attr-defined]
textual.screen.UPDATE_PERIOD = 0.2  # a pause of the pilot paints at once: few frames need to come between
Input._restart_blink = lambda self: None  # type: ignore[method-assign]  # each blink paints the screen again


def starter_store(root: Path) -> Store:
    """Return an open store with the starter study half done."""
    make_store(root)
    for k, (run_id, kind, state) in enumerate(RUNS):
        make_run(root, run_id, kind=kind, state=state, study="starter", created=1_795_271_130.0 + k)
    return open_store(root)


class StillApp(WorkbenchApp):
    """The app without anything that differs from one machine or moment to the next."""

    def __init__(self, store: Store, **options: Any) -> None:
        super().__init__(store, rate=20.0, **options)
        self.animation_level = "none"
        self.store_text = "~/work/runs (nearest runs/)"
        self.feed._look_at_machine = lambda: None  # type: ignore[method-assign]


async def settled(pilot: Pilot[Any], seconds: float = 15.0) -> None:
    """Wait until the store was looked at, the panes show the chosen run, and no task is under way."""
    app = pilot.app
    assert isinstance(app, WorkbenchApp)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await pilot.pause(0.005)
        busy = [worker for worker in app.workers if worker.group != "feed" and not worker.is_finished]
        if app.rows is not None and not busy and not app._keys.busy and _shown(app):
            await pilot.pause()
            return
    raise AssertionError("the screens did not come to rest")


@asynccontextmanager
async def opened(
    store: Store, *keys: str, size: tuple[int, int] = (80, 24), **options: Any
) -> AsyncIterator[Pilot[Any]]:
    """Open the screens over a store, then press keys one at a time."""
    async with StillApp(store, **options).run_test(size=size) as pilot:
        await settled(pilot)
        for key in keys:
            await press(pilot, key)
        yield pilot


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys, then wait."""
    await pilot.press(*keys)
    await settled(pilot)


async def resize(pilot: Pilot[Any], width: int, height: int) -> None:
    """Change the size of the terminal, and wait for the 8 ms in which Textual collects such changes."""
    await pilot.resize_terminal(width, height)
    await pilot.pause(0.02)
    await pilot.pause()


async def until(pilot: Pilot[Any], what: Callable[[], bool]) -> None:
    """Wait until something is true, such as news that the feed brings."""
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it never came"
        await pilot.pause(0.02)


def _shown(app: WorkbenchApp) -> bool:
    page = app.screen
    if not isinstance(page, Page) or not page.is_mounted:
        return False
    if isinstance(page, ResultsScreen) and page.with_preview:
        entry, live = page.grid.entry, page.preview.live
        shown = (live.id if live is not None else None) == (entry.row.id if entry is not None else None)
        return bool(page.preview.panes) and shown
    if isinstance(page, PanesPage):
        live = page.deck.live
        return bool(page.deck.panes) and (live.id if live is not None else "") == page.shown_run
    return True


def bench_of(pilot: Pilot[Any]) -> BenchScreen:
    """Return the Bench, wherever it lies in the stack."""
    return next(screen for screen in pilot.app.screen_stack if isinstance(screen, BenchScreen))


def message_of(pilot: Pilot[Any]) -> str:
    """Return the sentence in the line for messages."""
    return pilot.app.screen.query_one(MessageLine).text


def screen_lines(app: App[Any]) -> list[str]:
    """Return what is on the screen, row by row, as the terminal would get it."""
    return [strip.text for strip in app.screen._compositor.render_strips()[: app.size.height]]


def screen_text(app: App[Any]) -> str:
    return "\n".join(screen_lines(app))
