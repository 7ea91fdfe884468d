"""Counts false alarms of the health checks on the shipped presets (docs/results/health.md).

    python benchmarks/health_alarms.py STORE [PRESET...]

Trains seeds 0–5 of each preset in STORE, one process after the other, and judges them. Limits were set on
seeds 0–2, alarms are counted on seeds 3–5. A preset with a finished run of these seeds in STORE is judged
again, not trained. Without presets, takes all but `LONGER`. Prints two tables in Markdown.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from workbench import api
from workbench.spec.health import health_reasons
from workbench.store.files import read_json

SEEDS = (0, 1, 2, 3, 4, 5)
SET_ON = 3  # seeds that the limits were set on; the others are counted
LONGER = {  # than ten CPU minutes for three seeds, by their files or docs/results
    "avb-8d-mnist",
    "avb-ac-8d-mnist",
    "dlgm-mnist",
    "lae-8d-mnist",
    "lae-course-mnist",
    "lae-paper-mnist",
    "lebm-mnist",
    "lebm-svhn",
    "vae-8d-mnist",
    "vae-flow-mnist",
    "vae-paper-mnist",
}


def main() -> None:
    """Train what is missing, judge, and print."""
    store = api.stores.open_store(Path(sys.argv[1]))
    chosen = sys.argv[2:] or [p.name for p in api.presets.list_presets() if p.name not in LONGER]
    rows, worst = [], {}
    for preset in chosen:
        row = trained(store, preset)
        with contextlib.redirect_stdout(sys.stderr):
            api.evaluations.evaluate(store, row.id, "health")
        body = read_json(store.run(row.id).evaluations / "health.json")
        found = [api.runs.find_run(store, row.id).health[k] for k in range(len(SEEDS))]
        alarms = [one.verdict != "healthy" for one in found]
        reasons = " ".join(health_reasons(SEEDS, found))
        rows.append(f"| `{preset}` | {sum(alarms[:SET_ON])} of 3 | {sum(alarms[SET_ON:])} of 3 | {reasons} |")
        for seed, one in zip(SEEDS, body["health"], strict=True):
            for key, value in one["numbers"].items():
                low, high, count = worst.get((key, seed >= SET_ON), (float("inf"), float("-inf"), 0))
                value = float(value)
                worst[key, seed >= SET_ON] = min(low, value), max(high, value), count + 1
    print("| preset | alarms, seeds 0–2 | alarms, seeds 3–5 | reasons |\n|---|---|---|---|", *rows, sep="\n")
    print("\n| number | seeds 0–2: least … largest | seeds 3–5 |\n|---|---|---|")
    for key, counted in worst:
        if not counted and (key, True) in worst:
            ranges = (f"{worst[key, later][0]:.3g} … {worst[key, later][1]:.3g}" for later in (False, True))
            print(f"| {key} | {' | '.join(ranges)} |")


def trained(store: api.stores.Store, preset: str) -> api.runs.RunRow:
    """Return a finished run of the preset with all seeds, trained now if there is none."""
    for again in (True, False):
        for row in api.runs.list_runs(store, states=["finished"]):
            if row.preset == preset and row.seeds == SEEDS:
                return row
        if again:
            command = [sys.executable, "-m", "workbench", "--store", str(store.root), "run", preset]
            subprocess.run([*command, "--seeds", str(len(SEEDS)), "--inline"], check=True, stdout=sys.stderr)
    raise SystemExit(f"{preset} did not finish")


if __name__ == "__main__":
    main()
