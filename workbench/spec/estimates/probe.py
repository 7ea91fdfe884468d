"""Labels predicted from latents: logistic regression and k nearest neighbours."""

from __future__ import annotations

from typing import ClassVar, Literal

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import NATS, Metric, Metrics


class Probe(EstimateSettings):
    name = "probe"
    about = "labels read off the latents: logistic regression to convergence, and k nearest neighbours"
    measure = "workbench.engine.evaluation.latents:probe"
    metrics: ClassVar[Metrics] = {
        "probe": Metric("probe accuracy", "share", "higher", "test labels by logistic regression on latents"),
        "probe_cross_entropy": Metric("probe cross-entropy", NATS, "lower",
            "of the logistic regression, on test data"),
        "probe_knn": Metric("probe k-NN accuracy", "share", "higher",
            "test labels by a vote of near latents"),
    }  # fmt: skip

    variant: Literal["standard", "seed"] = setting(
        "standard", "features: standardised mean latents, or a ReLU of one latent sample (as published)"
    )
    train_size: int = setting(10_000, "training examples", "examples", ge=10, le=1_000_000)
    neighbours: int = setting(5, "k of the k-NN accuracy", "neighbours", ge=1, le=1000)
