"""Distances between model samples and test data, each beside its distribution between two real sets."""

from __future__ import annotations

from typing import ClassVar, Literal

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import Metrics, beside_null


class TwoSample(EstimateSettings):
    """Base of all distances between model samples and test data."""

    needs = ("samples",)

    samples: int = setting(1000, "model samples, and as many test examples", "samples", ge=16, le=100_000)
    draws: int = setting(4, "independent sets of samples", "draws", ge=2, le=1000)
    null_draws: int = setting(
        200, "random splits of real data into two sets of that size", "draws", ge=20, le=10_000
    )


class EnergyDistance(TwoSample):
    name = "energy"
    about = "energy distance between model samples and test data"
    measure = "workbench.engine.evaluation.two_sample:energy"
    metrics = beside_null(
        "sample_energy",
        "energy distance (post hoc)",
        "energy null",
        "data units",
        "samples against test data",
    )


class MMD(TwoSample):
    name = "mmd"
    about = "unbiased squared MMD between model samples and test data, Gaussian kernels; may be negative"
    measure = "workbench.engine.evaluation.two_sample:mmd"
    metrics = beside_null("mmd", "MMD²", "MMD² null", "", "unbiased, of model samples and test data")


class SlicedW2(TwoSample):
    name = "sliced-w2"
    about = "sliced Wasserstein-2 distance between model samples and test data"
    measure = "workbench.engine.evaluation.two_sample:sliced_w2"
    metrics = beside_null(
        "sliced_w2", "sliced W2", "sliced W2 null", "data units", "model samples against test data"
    )

    projections: int = setting(256, "random directions", ge=1, le=100_000)


class Frechet(TwoSample):
    name = "frechet"
    about = "Fréchet distance between Gaussians fitted to model samples and to test data (this is not FID)"
    measure = "workbench.engine.evaluation.two_sample:frechet"
    metrics: ClassVar[Metrics] = {
        **beside_null(
            "frechet_pca50",
            "Fréchet (PCA-50)",
            "Fréchet (PCA-50) null",
            "data units²",
            "in 50 principal components of training data; not an FID",
        ),
        **beside_null(
            "frechet_pixels",
            "Fréchet (pixels)",
            "Fréchet (pixels) null",
            "data units²",
            "in the data's own space; not an FID",
        ),
    }

    samples: int = setting(2000, "model samples, and as many test examples", "samples", ge=16, le=100_000)
    null_draws: int = setting(
        20, "random splits of real data into two sets of that size", "draws", ge=20, le=10_000
    )
    space: Literal["pca-50", "pixels"] = setting(
        "pca-50", "features: 50 leading principal components of training data, or the data themselves"
    )
