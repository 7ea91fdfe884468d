"""The measurements of `workbench evaluate`, by name: each a function of a task that returns findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from workbench.engine.data.dataset import DataSet
from workbench.engine.model import LatentModel
from workbench.engine.streams import Streams
from workbench.errors import USAGE, WorkbenchError


@dataclass(frozen=True)
class Task:
    """A trained model to evaluate, with streams of its own; `on_progress` takes the share done."""

    model: LatentModel
    data: DataSet
    settings: Any  # the metric's class of workbench/spec/estimates.py
    streams: Streams
    on_progress: Callable[[float], None]

    def refuse(self, why: str, hint: str = "") -> WorkbenchError:
        """Return the error that says why this metric makes no sense for this model or these data."""
        return WorkbenchError(why, hint, USAGE)


@dataclass
class Findings:
    """Metrics in the form of result.json (`entry`), arrays to keep beside them, and what to know of both."""

    metrics: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


Job = Callable[[Task], Findings]
WHERE = {
    "ais": "likelihood:ais",
    "iwae": "likelihood:iwae",
    "quadrature": "likelihood:quadrature",
    "probe": "latents:probe",
    "rhat": "latents:rhat",
    "pca": "latents:pca",
    "tsne": "latents:tsne",
    "interpolation": "latents:interpolation",
    "energy": "samples:energy",
    "mmd": "samples:mmd",
    "sliced-w2": "samples:sliced_w2",
    "frechet": "samples:frechet",
    "thermodynamic": "workbench.engine.models.lebm_estimates:thermodynamic",
    "gradient-variance": "workbench.engine.models.lebm_estimates:gradient_variance",
}


def job(metric: str) -> Job:
    """Return the function that measures `metric`."""
    module, _, name = WHERE[metric].partition(":")
    found: Job = getattr(import_module(module if "." in module else f"{__name__}.{module}"), name)
    return found
