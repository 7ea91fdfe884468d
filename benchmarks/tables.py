"""Cost of lists, exports and plots of large stores, as processes: CPU seconds, and memory of plots by length.

    python benchmarks/tables.py [--runs 10000] [--list 100000] [--points 1000000]

Prints figures only. Goals, warm: `export all --each` of 10,000 runs 3 CPU s, `runs ls --json` of 100,000
5 CPU s, `plot` of 1,000,000 rows 8 CPU s and no more memory than of 250,000. A unit is the time that this
machine takes for a loop of fixed length, so that busy or slow machines compare.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # for tests/stores.py, which makes the runs

from tests.stores import make_run, make_store
from workbench.store.details import read_settings
from workbench.store.files import read_json, write_json
from workbench.store.paths import RunPaths

ROOT = Path(__file__).parent.parent
LOOP = "x = 0\nfor i in range(10_000_000): x += i"
FILES = ("spec.toml", "result.json", "state.json", "progress.json", "metrics.jsonl")


def main(runs: int, listed: int, points: int) -> None:
    """Make the stores in a temporary folder and print what each command costs."""
    unit = cost([sys.executable, "-c", LOOP])[0]
    print(f"a loop of 10,000,000 steps: {unit:.2f} CPU s; a unit below")
    with tempfile.TemporaryDirectory() as folder:
        store = many(Path(folder) / "many", runs)
        show(f"runs ls of {runs:,}, first time", unit, store, "runs", "ls", "--json")
        for form in ("csv", "json", "parquet"):
            show(f"export all --each of {runs:,}, {form}", unit, store, "export", "all", "--each", form=form)
        show(f"export all --long of {runs:,}", unit, store, "export", "all", "--long", form="csv")
        show(f"export all of {runs:,}, pooled", unit, store, "export", "all", form="csv")
        store = many(Path(folder) / "more", listed)
        show(f"runs ls --json of {listed:,}, first time", unit, store, "runs", "ls", "--json")
        show(f"runs ls --json of {listed:,}, warm", unit, store, "runs", "ls", "--json")
        store = make_store(Path(folder) / "long")
        for count in (points // 4, points):
            run = curve(store, count)
            show(f"plot of {count:,} rows", unit, store, "plot", run, "loss")
            show(f"export --curves of {count:,} rows", unit, store, "export", run, "--curves", form="csv")


def show(what: str, unit: float, store: Path, *words: str, form: str = "") -> None:
    """Print the cost of a command of workbench."""
    more = ["--format", form, "--output", "/dev/null"] if form else []
    seconds, memory = cost([sys.executable, "-m", "workbench", "--store", str(store), *words, *more])
    print(f"{what:44s}{seconds:8.2f} CPU s{seconds / unit:8.2f} units{memory:8.0f} MiB", flush=True)


def cost(command: list[str]) -> tuple[float, float]:
    """Return the CPU seconds and the most memory, in MiB, of a process."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def many(root: Path, count: int) -> Path:
    """Return a store of `count` finished runs of three seeds, ten of a configuration; files are links."""
    first = make_run(make_store(root), "20261121-000000-vae-digits-aaaa", points=20)
    origin = read_json(first.origin)
    assert isinstance(origin, dict)
    brief = {"name": "vae-digits", "kind": "vae", "data": "digits", "seeds": [0, 1, 2]}
    origin["brief"] = brief | {"settings": read_settings(first)}
    past = time.time() - 3600
    same = first.origin
    for number in range(1, count):
        folder = root / f"20261121-{number:06d}-vae-digits-aaab"
        folder.mkdir()
        for name in FILES:
            (folder / name).hardlink_to(first.root / name)
        if number % 10 == 1:
            same = folder / "origin.json"
            write_json(same, origin | {"group": f"{number:012d}"}, durable=False)
        else:
            (folder / "origin.json").hardlink_to(same)
        os.utime(folder, (past, past))
    return root


def curve(store: Path, count: int) -> str:
    """Return a run with `count` rows of curves."""
    run: RunPaths = make_run(store, f"run-{count}", points=2)
    with run.metrics.open("w") as file:
        for step in range(count):
            values = {"loss": [100 / (step + 1) ** 0.5, 1.0, 2.0]}
            row = {
                "step": step,
                "epoch": step / 600,
                "seconds": step / 220,
                "split": "train",
                "values": values,
            }
            file.write(json.dumps(row | {"values": values}) + "\n")
    return run.id


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, usual in (("--runs", 10_000), ("--list", 100_000), ("--points", 1_000_000)):
        parser.add_argument(name, type=int, default=usual)
    given = parser.parse_args()
    main(given.runs, given.list, given.points)
