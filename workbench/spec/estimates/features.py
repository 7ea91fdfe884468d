"""Quality of samples on the features of a classifier: precision and recall, and the kernel distance."""

from __future__ import annotations

from typing import ClassVar

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import Metric, Metrics


class FeatureSettings(EstimateSettings):
    """Base of what compares samples and test data by the hidden units of a classifier of the same data."""

    needs = ("samples",)

    samples: int = setting(2000, "model samples, and as many test examples", "samples", ge=20, le=100_000)
    updates: int = setting(
        1000,
        "training of the classifier, in updates of 100 training examples; its seed is fixed",
        "iterations",
        ge=1,
        le=1_000_000,
    )


class PrecisionRecall(FeatureSettings):
    name = "precision-recall"
    about = "precision and recall of samples: nearest neighbours in the features of a classifier"
    measure = "workbench.engine.evaluation.features:precision_recall"
    metrics: ClassVar[Metrics] = {
        "precision": Metric("precision", "share", "higher", "samples on the manifold of test data"),
        "recall": Metric("recall", "share", "higher", "test examples on the manifold of samples"),
        "precision_null": Metric("precision of real data", "share", "", "training examples as samples"),
        "recall_null": Metric("recall of real data", "share", "", "training examples as samples"),
    }

    draws: int = setting(4, "independent sets of samples", "draws", ge=2, le=1000)
    neighbours: int = setting(
        3, "a ball around a point reaches its k-th nearest neighbour", "neighbours", ge=1, le=15
    )


class KID(FeatureSettings):
    name = "kid"
    about = "kernel distance (KID): unbiased squared MMD, cubic kernel, in the features of a classifier"
    measure = "workbench.engine.evaluation.features:kid"
    metrics: ClassVar[Metrics] = {
        "kid": Metric("KID", "", "lower", "of samples and test data, own features; may be negative"),
        "kid_null": Metric("KID of real data", "", "", "of training examples and test data; 0 in the mean"),
    }

    blocks: int = setting(10, "disjoint sets of samples and test data, whose mean is taken", ge=2, le=1000)
