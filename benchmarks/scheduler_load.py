"""What a scheduler costs while 500 runs wait: python benchmarks/scheduler_load.py [--runs N] [--seconds S]

Two runs train (processes that sleep), the others wait for a CPU slot. Printed are the CPU time of the
scheduler as a share of one core, after its start, and its resident memory. Aims: 0.5 % and 60 MiB.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # for tests/queue, which has the worker and the spec

from tests.queue.chaos import end_processes  # noqa: E402
from tests.queue.person import tiny_spec  # noqa: E402
from workbench.queue import client  # noqa: E402
from workbench.store.runs import create_run  # noqa: E402
from workbench.store.state import load_state  # noqa: E402
from workbench.store.store import open_store  # noqa: E402

SLEEPER = shlex.join([sys.executable, "-S", "-c", "import time; time.sleep(600)"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "runs")
        runs = [create_run(store.paths, tiny_spec("a", 5 + k % 20)) for k in range(given.runs + 2)]
        client.ensure_scheduler(store, ["--worker", SLEEPER, "--slots", "2"])
        try:
            while not all(load_state(store.run(run)).state == "running" for run in runs[:2]):
                time.sleep(0.2)
                time.sleep(15.0)  # until its start is over
            process = psutil.Process(client.scheduler_status(store).pid)
            before, begun = process.cpu_times(), time.monotonic()
            time.sleep(given.seconds)
            after, spent = process.cpu_times(), time.monotonic() - begun
            share = (after.user + after.system - before.user - before.system) / spent
            memory = process.memory_info().rss / 2**20
            print(f"{given.runs} runs wait: {100 * share:.2f} % of a core, {memory:.0f} MiB")
        finally:
            end_processes(store)


if __name__ == "__main__":
    main()
