"""How long a run is in parameter updates, before its data are loaded."""

from __future__ import annotations

import math

from workbench.spec.data import DATA_SETS
from workbench.spec.schema import RunSpec


def updates(spec: RunSpec) -> int:
    """Return the number of parameter updates; 0 where the size of the data is known to their loader alone."""
    training, data = spec.training, spec.data
    if training.iterations:
        return training.iterations
    source = None if data.path else DATA_SETS.find(data.name)
    size = (data.train_size or (source.examples if source else 0)) - data.validation_size
    return math.ceil((training.epochs or 1) * size / training.batch) if size > 0 else 0
