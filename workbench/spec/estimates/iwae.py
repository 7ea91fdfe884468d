"""The importance-weighted bound on log p(x)."""

from __future__ import annotations

from typing import ClassVar

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import NATS, Metric, Metrics


class IWAE(EstimateSettings):
    name = "iwae"
    about = "importance-weighted lower bound on log p(x)"
    measure = "workbench.engine.evaluation.evidence:iwae"
    metrics: ClassVar[Metrics] = {
        "iwae": Metric("IWAE log p(x)", NATS, "higher", "importance-weighted lower bound on test data"),
        "iwae_effective": Metric("IWAE effective draws", "draws", "higher",
            "effective number of the weights per example; below 4 the proposal is poor"),
    }  # fmt: skip

    images: int = setting(500, "test examples", "examples", ge=2, le=1_000_000)
    draws: int = setting(5000, "draws k of the proposal per example", "draws", ge=1, le=1_000_000)
