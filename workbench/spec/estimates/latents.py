"""How a family with a Gaussian q(z|x) uses its latents: rate, distortion and what the rate consists of."""

from __future__ import annotations

from typing import ClassVar

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import NATS, Metric, Metrics


class Latents(EstimateSettings):
    name = "latents"
    about = "use of the latents: active units, rate, distortion, mutual information, aggregated KL"
    measure = "workbench.engine.evaluation.latent_use:latents"
    needs = ("latents", "a normalised prior", "an explicit posterior")
    metrics: ClassVar[Metrics] = {
        "rate": Metric("rate", NATS, "", "mean KL(q(z|x)‖p(z))"),
        "distortion": Metric("distortion", NATS, "lower", "mean −log p(x|z) for z from q(z|x)"),
        "mutual_information": Metric("I(x; z)", NATS, "",
            "between example and latent under q; at most log n"),
        "aggregated_kl": Metric("KL(q(z)‖p(z))", NATS, "lower",
            "of the aggregated posterior: rate − I(x; z)"),
        "kl_dimension": Metric("KL per dimension", "nats per dimension", "", "rate / latent dimensions"),
        "active_units": Metric("active units", "dimensions", "",
            "latents whose posterior mean has a variance above 0.01 over examples"),
    }  # fmt: skip

    images: int = setting(10_000, "test examples (n)", "examples", ge=2, le=100_000)
