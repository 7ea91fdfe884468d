"""Two rings of points: a data set in one file, with a loader that needs no torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.spec.data.base import Arrays, DataSource


def load(settings: Any, *_: Any) -> Arrays:
    """Return points at radius 1 (label 0) and 2 (label 1), at random angles drawn from `data.seed`."""
    random = np.random.default_rng(settings.seed)
    splits = []
    for size in (settings.train_size or 500, settings.test_size or 200):
        label = np.arange(size) % 2
        angle = random.uniform(0, 2 * np.pi, size)
        splits += [np.stack([np.cos(angle), np.sin(angle)], -1) * (1 + label[:, None]), label]
    return Arrays(*splits, shape=(2,), kind="points", classes=2)


RINGS = DataSource("rings", f"{__name__}:load")
