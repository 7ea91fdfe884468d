"""Updates per CPU second of every run of the studies: python benchmarks/study_speeds.py

Writes workbench/spec/speed_table.py, from which `workbench studies show` forecasts runs that this machine has
not made yet. One seed, one thread, training alone; pictures are noise, which costs as much. Only shapes that
the table lacks are measured: delete it to measure all anew. The largest nets take a minute for one update.
"""

from __future__ import annotations

import os
import time
from importlib import import_module
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from tests.contracts.test_shipped_presets import data_of
from tests.literature_page import shipped
from workbench.api.studies import plan
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.spec.resolve import resolve
from workbench.spec.schema import RunSpec
from workbench.spec.speeds import shape

TABLE = Path(__file__).parents[1] / "workbench" / "spec" / "speed_table.py"
ENOUGH, MOST = 0.5, 20  # CPU seconds and updates of one measurement, after a first update
HEAD = '''"""Measured by benchmarks/study_speeds.py: updates per CPU second of one seed, training alone."""

# on an AMD EPYC core, torch 2.13.0, one thread
UPDATES_PER_SECOND: dict[str, float] = {
'''


def measure(spec: RunSpec) -> float:
    """Return the updates per CPU second of a run."""
    torch.manual_seed(0)
    spec = spec.model_copy(update={"seeds": [0]})
    data = data_of(spec.data.model_copy(update={"validation_size": 0}))
    streams = Streams(spec.seeds)
    if source := getattr(spec.model, "augment_from", ""):
        raise LookupError(source)
    model = build_model(spec, data.info, streams)

    def update() -> None:
        chosen = torch.randint(data.info.train_size, (1, spec.training.batch))
        model.training_step(data.batch(chosen, streams), streams)

    before = time.process_time()
    update()
    first = time.process_time() - before
    if first > 10:  # a first update is no slower than others where one takes so long
        return 1 / first
    before, count = time.process_time(), 0
    while count < MOST and time.process_time() - before < ENOUGH:
        update()
        count += 1
    return count / (time.process_time() - before)


def main() -> None:
    known = dict(import_module("workbench.spec.speed_table").UPDATES_PER_SECOND)
    labels: dict[str, str] = {}
    for study in shipped():
        for budget in ("", *study.budgets):
            for run in plan(study, budget):
                key = shape(run.spec)
                labels.setdefault(key, f"{study.name}: {run.label}")
                if key in known:
                    continue
                try:
                    known[key] = measure(run.spec)
                except LookupError as source:
                    # its reconstructions are drawn by the generator, at the cost of a decoder
                    plain = run.spec.model.model_copy(update={"augment_from": ""})
                    own = 1 / measure(run.spec.model_copy(update={"model": plain}))
                    generator = 1 / measure(resolve(str(source)))
                    known[key] = 1 / ((1 + run.spec.model.augment_draws) * own + generator)
                print(f"{labels[key]}: {known[key]:.3g} updates/s", flush=True)
                write(known, labels)


def write(known: dict[str, float], labels: dict[str, str]) -> None:
    lines = [
        f'    "{key}": {known[key]:.3g},  # {labels[key][:60]}\n' for key in sorted(labels) if key in known
    ]
    TABLE.write_text(HEAD + "".join(lines) + "}\n")


if __name__ == "__main__":
    main()
