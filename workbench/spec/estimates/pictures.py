"""Pictures of the latents: principal components, t-SNE, interpolation."""

from __future__ import annotations

from typing import ClassVar

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import Metric, Metrics


class PCA(EstimateSettings):
    name = "pca"
    about = "test latents in their principal components, written as arrays"
    measure = "workbench.engine.evaluation.latents:pca"
    metrics: ClassVar[Metrics] = {
        "pca_explained": Metric("variance in 2 PCs", "share", "", "of the latents' variance")
    }
    curves = False

    images: int = setting(2000, "test examples", "examples", ge=4, le=100_000)


class TSNE(EstimateSettings):
    name = "tsne"
    about = "test latents in two dimensions by t-SNE, written as arrays"
    measure = "workbench.engine.evaluation.latents:tsne"
    metrics: ClassVar[Metrics] = {
        "tsne_kl": Metric("t-SNE KL", "nats", "", "what the embedding could not show")
    }
    curves = False

    images: int = setting(1000, "test examples", "examples", ge=16, le=20_000)
    perplexity: float = setting(30.0, "effective number of neighbours", ge=2.0, le=1000.0)


class Interpolation(EstimateSettings):
    name = "interpolation"
    about = "decoded straight lines between the latents of test examples, written as arrays"
    measure = "workbench.engine.evaluation.latents:interpolation"
    curves = False

    pairs: int = setting(8, "pairs of test examples of different classes", "pairs", ge=1, le=1000)
    steps: int = setting(9, "pictures from one to the other, ends included", ge=2, le=1000)
