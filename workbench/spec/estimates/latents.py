"""What the latents of a model carry: active units, rate, distortion, mutual information."""

from __future__ import annotations

from typing import ClassVar

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import NATS, Metric, Metrics


class LatentUse(EstimateSettings):
    name = "latents"
    about = "what latents carry: active units, rate and distortion, I(x; z), aggregated KL, KL per dimension"
    measure = "workbench.engine.evaluation.latent_use:latent_use"
    needs = ("latents", "an explicit posterior", "a normalised prior")
    metrics: ClassVar[Metrics] = {
        "active_units": Metric(
            "active units", "dimensions", "", "variance of the posterior mean above `threshold`"
        ),
        "rate": Metric("rate", NATS, "", "KL(q(z|x) ‖ p(z)), mean over test examples"),
        "distortion": Metric("distortion", NATS, "lower", "−log p(x|z) of a posterior draw"),
        "mutual_information": Metric(
            "I(x; z)", NATS, "", "mutual information of test examples and latents; at most ln n"
        ),
        "aggregated_kl": Metric(
            "aggregated KL",
            NATS,
            "lower",
            "KL(q(z) ‖ p(z)) of the mixture q(z) of posteriors: rate − I(x; z)",
        ),
    }

    images: int = setting(2000, "test examples", "examples", ge=2, le=50_000)
    threshold: float = setting(
        0.01, "variance of the posterior mean above which a dimension is active", gt=0, le=1
    )
