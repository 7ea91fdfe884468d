"""What the function of an estimate is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from workbench.engine.data.dataset import DataSet
from workbench.engine.evaluation.entry import example_entry
from workbench.engine.evaluation.kept import Kept
from workbench.engine.model import LatentModel
from workbench.engine.streams import Streams
from workbench.errors import USAGE, WorkbenchError
from workbench.store.paths import RunPaths


@dataclass(frozen=True)
class Task:
    """A trained model to evaluate, with streams of its own; `on_progress` takes the share done."""

    model: LatentModel
    data: DataSet
    settings: Any  # of the estimate's class in workbench/spec/estimates
    streams: Streams
    on_progress: Callable[[float], None]
    kept: Kept = field(default_factory=Kept)  # its finished parts
    run: RunPaths | None = None  # whose curves and result an estimate may read
    errors: bool = True  # False for a point of a curve, which has none: dear ones may be left out

    def refuse(self, why: str, hint: str = "") -> WorkbenchError:
        """Return the error that says why this metric makes no sense for this model or these data."""
        return WorkbenchError(why, hint, USAGE)

    def needs_latents(self) -> None:
        """Refuse a family without latents.

        Raises:
            WorkbenchError: for such a family.
        """
        if self.model.latent == 0:
            raise self.refuse("This family has no latents.", "Choose another --metric.")


@dataclass
class Findings:
    """Metrics in the form of result.json (`entry`), arrays to keep beside them, and what to know of both."""

    metrics: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    health: list[dict[str, Any]] = field(default_factory=list)  # of each seed, as in result.json

    def add(self, name: str, values: Tensor) -> None:
        """Add a metric [S, n] of the first n test examples: its mean and standard error, and each value."""
        self.metrics[name] = example_entry(values)
