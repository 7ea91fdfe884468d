"""Save a picture of a screen: `python -m workbench.ui.screenshot --store runs --out bench.svg`.

The app runs without a terminal, over a real store. `--run` chooses the run, `--keys` presses keys first
("t" for the study's table), `--wait` is the longest time the panes may take to fill.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from workbench import api
from workbench.errors import USAGE, WorkbenchError
from workbench.ui.app import WorkbenchApp
from workbench.ui.canvas.palette import Look
from workbench.ui.screens.bench import BenchScreen


async def picture(
    store: Path, size: tuple[int, int], *, run: str = "", keys: Sequence[str] = (), wait: float = 10.0
) -> str:
    """Return the SVG of the screen once it shows the run and `keys` are pressed.

    Raises WorkbenchError for an unknown run.
    """
    opened = api.stores.open_store(store, create=False)
    run_id = api.runs.find_run(opened, run).id if run else ""
    app = WorkbenchApp(opened)
    app.look = Look("braille", "truecolor")  # whatever this terminal can show
    async with app.run_test(size=size) as pilot:
        bench = app.screen
        assert isinstance(bench, BenchScreen)
        end = time.monotonic() + wait
        while time.monotonic() < end:
            await pilot.pause(0.05)
            if run_id and bench.queue.chosen != run_id and app.rows:
                bench.queue.choose(run_id)
            shown = bench.deck.live is not None and bench.deck.live.id == bench.queue.chosen
            if app.rows == [] or (bench.deck.panes and shown):
                break
        for key in keys:
            await pilot.press(key)
            for worker in [worker for worker in app.workers if worker.group != "feed"]:
                await worker.wait()
        await pilot.pause(0.3)
        for page in app.pages:  # keep the load of this machine out of the picture
            page.top.meters = ()
        await pilot.pause(0.1)
        return app.export_screenshot(title="workbench")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path, required=True, help="the folder of the runs")
    parser.add_argument("--size", default="160x48", help="columns x rows")
    parser.add_argument("--out", type=Path, required=True, help="the SVG to write")
    parser.add_argument("--run", default="", help="id of the run to show; else the one at work or the newest")
    parser.add_argument("--keys", nargs="*", default=[], help="keys to press first, by their Textual names")
    parser.add_argument("--wait", type=float, default=10.0, help="seconds to wait for the panes")
    chosen = parser.parse_args(arguments)
    try:
        columns, rows = (int(part) for part in chosen.size.lower().split("x"))
    except ValueError:
        sys.stderr.write(f"Invalid value '{chosen.size}' for --size: must be like 160x48.\n")
        return USAGE
    try:
        svg = asyncio.run(
            picture(chosen.store, (columns, rows), run=chosen.run, keys=chosen.keys, wait=chosen.wait)
        )
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    chosen.out.write_text(svg)
    return 0


if __name__ == "__main__":
    sys.exit(main())
