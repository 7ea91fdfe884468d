"""Cost of Results with many runs: filters, pools and sorts of the list, and keys pressed on the screen.

    python benchmarks/run_list.py [RUNS]          (default 10000)

Prints figures only: milliseconds of CPU, minimum and median. Goals at 10 000 runs: a filter 30 ms, groups
filtered, pooled and sorted 100 ms.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # for tests/stores.py, which makes the rows

from tests.stores import row
from workbench.results.groups import members, pooled
from workbench.results.query import filter_rows, sort_rows
from workbench.store.run_row import RunRow
from workbench.store.store import open_store

KEYS = ["s", "v", "v", "G", "g", "pagedown", "slash", *"model", "colon", *"lae"]


def main(runs: int) -> None:
    """Make rows of `runs` finished runs in groups of ten, and print what the list costs."""
    rows = [made(k, runs) for k in range(runs)]
    for text in ("langevin", "state:finished model:vae m3<0.3 seeds>=1 -data:mnist"):
        show(f"filter {text!r}", lambda text=text: filter_rows(rows, text))
    show("filter, pool and sort groups", lambda: groups(rows))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(press_keys(Path(folder) / "runs", rows))


def made(k: int, runs: int) -> RunRow:
    """Return a finished run of three seeds with a dozen metrics."""
    first = 3 * (k // 1000)
    return row(
        f"20261121-{k:06d}-{('vae', 'lae', 'lebm', 'ddpm')[k % 4]}-digits",
        kind=("vae", "lae", "lebm", "ddpm")[k % 4],
        group=f"g{k % max(1, runs // 10)}",
        created=float(runs - k),
        seeds=(first, first + 1, first + 2),
        tags=("paper", "old"),
        summary={f"m{j}": (0.1 * (k % 97), 0.2, None) for j in range(12)},
    )


def groups(rows: list[RunRow]) -> list[RunRow]:
    """Return what the folded list shows."""
    return sort_rows([pooled(group) for group in members(filter_rows(rows, "state:fin m3<9"))], "m3")


async def press_keys(root: Path, rows: list[RunRow]) -> None:
    """Print the CPU time of sorting, folding, moving and filtering on the screen."""
    from workbench.ui.app import WorkbenchApp

    app = WorkbenchApp(open_store(root), rate=1.0)
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.press("b")
        app.feed.stop()
        app.screen.grid.update_rows(rows)  # type: ignore[attr-defined]
        for key in KEYS:
            begun = time.process_time()
            await pilot.press(key)
            await pilot.pause()
            print(f"key {key:<37}{1e3 * (time.process_time() - begun):8.1f} ms CPU, once")


def show(what: str, action: Callable[[], object], repeat: int = 7) -> None:
    """Print the CPU time of an action."""
    times = []
    for _ in range(repeat):
        begun = time.process_time()
        action()
        times.append(1e3 * (time.process_time() - begun))
    print(f"{what:<60}{min(times):8.1f} {statistics.median(times):8.1f} ms CPU")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
