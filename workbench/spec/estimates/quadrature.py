"""log p(x) by quadrature over one or two latent dimensions."""

from __future__ import annotations

from typing import ClassVar

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import NATS, Metric, Metrics
from workbench.spec.models.base import ModelSettings


class Quadrature(EstimateSettings):
    name = "quadrature"
    about = "exact log p(x) of models with one or two latent dimensions, log Z of the prior included"
    measure = "workbench.engine.evaluation.evidence:quadrature"
    metrics: ClassVar[Metrics] = {
        "quadrature": Metric("log p(x)", NATS, "higher", "exact log-likelihood of test data by quadrature")
    }

    images: int = setting(200, "test examples", "examples", ge=2, le=1_000_000)
    points: int = setting(300, "grid points per latent dimension over [-6, 6]", ge=20, le=10_000)

    @classmethod
    def unmet_need(cls, model: ModelSettings) -> str:
        """Add to what every estimate needs that the grid has few dimensions."""
        if getattr(model, "latent", 0) > 2:
            return "needs one or two latent dimensions; take ais instead"
        return super().unmet_need(model)
