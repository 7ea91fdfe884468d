"""How long runs of the shipped studies take on the reference machine, where no run here says it."""

from __future__ import annotations

import hashlib
import json

from workbench.spec.schema import RunSpec
from workbench.spec.speed_table import UPDATES_PER_SECOND
from workbench.spec.study_plan import PlannedRun


def shape(spec: RunSpec) -> str:
    """Return what the time of an update depends on, as a key: family, data set, and a hash with the batch."""
    body = {"model": spec.model.hashed(), "batch": spec.training.batch, "data": spec.data.name}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:8]
    return f"{spec.model.kind} {spec.data.name} {digest}"


def seconds(run: PlannedRun) -> float | None:
    """Return the expected seconds of training of all seeds of a run, None where nothing like it was measured.

    Seeds count in full, though small nets train stacked for less.
    """
    rate = UPDATES_PER_SECOND.get(shape(run.spec))
    return run.steps * len(run.spec.seeds) / rate if rate and run.steps else None
