"""The spread of the latents: an estimate's settings and metrics."""

from __future__ import annotations

from typing import ClassVar

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import Metric, Metrics


class Spread(EstimateSettings):
    name = "spread"
    about = "root mean square of the test latents"
    measure = "workbench.engine.evaluation.spread:spread"
    metrics: ClassVar[Metrics] = {"latent_spread": Metric("latent spread", "latent units", "", "RMS of z")}

    images: int = setting(100, "test examples", "examples", ge=2, le=10_000)
