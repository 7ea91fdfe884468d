"""Cost of the list of runs: scans, starts from the cache, and polls of a store with many runs.

    python benchmarks/store.py [RUNS]          (default 10000; makes a store in a temporary folder)

Prints figures only. Goals: refresh < 1 s and list < 100 ms at 10 000 runs.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workbench.queue.attempts import Keeper, Options
from workbench.store.files import write_json
from workbench.store.index import RunIndex
from workbench.store.paths import RunPaths
from workbench.store.state import RunState
from workbench.store.store import Store, open_store


def main(runs: int) -> None:
    """Make a store of `runs` finished runs and print what reading it costs."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "runs")
        made = [_finished(store, number) for number in range(runs)]
        show(f"first scan, {runs} folders read", lambda: RunIndex(store).rows(), repeat=1)
        past = time.time() - 60
        for paths in made:
            os.utime(paths.root, (past, past))
        RunIndex(store).rows()
        show("a new process: start from the cache and list", lambda: RunIndex(store).rows())
        index = RunIndex(store)
        index.rows()
        show("poll, nothing has changed", index.rows)

        def one_changes() -> None:
            write_json(made[0].progress, {"schema": 1, "step": time.time_ns()}, durable=False)
            index.rows()

        show("poll, one run has changed", one_changes)
        for path in store.paths.hidden.glob("index.db*"):
            path.unlink()
        show("rebuild after the cache was deleted", lambda: RunIndex(store).rows(), repeat=1)
        show("start of a scheduler", lambda: Keeper(store, Options()), repeat=3)
        keeper = Keeper(store, Options())
        show("tick of an idle scheduler", keeper.tick, repeat=20)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{'most memory of this process':48s}{memory:9.0f} MiB")


def show(what: str, action: Callable[[], object], repeat: int = 5) -> None:
    """Print the median time of an action: by the clock, and of the processor."""
    wall, cpu = [], []
    for _ in range(repeat):
        since, since_cpu = time.perf_counter(), time.process_time()
        action()
        wall.append(time.perf_counter() - since)
        cpu.append(time.process_time() - since_cpu)
    shown = (statistics.median(times) * 1000 for times in (wall, cpu))
    print("{:48s}{:9.1f} ms  {:9.1f} ms of CPU".format(what, *shown))


def _finished(store: Store, number: int) -> RunPaths:
    """Write the small files of one finished run with three seeds."""
    paths = RunPaths(store.root / f"20261121-{number:06d}-vae-digits-aaaa")
    paths.control.mkdir(parents=True)
    brief = {"name": "vae-digits", "kind": "vae", "data": "digits", "seeds": [0, 1, 2]}
    origin = {"schema": 1, "created": float(number), "group": f"{number % 37:012d}", "brief": brief}
    metrics = {name: {"values": [0.1, 0.2, 0.3], "se": [None] * 3, "n": 360} for name in "abcdef"}
    result = {"schema": 1, "outcome": "finished", "step": 1820, "finished": 9.0, "metrics": metrics}
    paths.spec.write_text('name = "vae-digits"\nseeds = [0, 1, 2]\n[model]\nkind = "vae"\n')
    state = RunState("finished", 1, started=1.0, ended=9.0).document()
    progress = {"schema": 1, "phase": "done", "step": 1820, "total": 1820}
    for path, value in (
        (paths.origin, origin),
        (paths.state, state),
        (paths.progress, progress),
        (paths.result, result),
    ):
        write_json(path, value, durable=False)
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="?", type=int, default=10_000, help="runs of the store (default 10000)")
    main(parser.parse_args().runs)
