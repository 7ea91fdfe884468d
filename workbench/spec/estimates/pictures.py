"""Arrays for pictures: of the latents, of what is decoded from them, and of an LEBM's chains."""

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


class Reconstructions(EstimateSettings):
    name = "reconstructions"
    about = "test examples and what is decoded from their latents, written as arrays"
    measure = "workbench.engine.evaluation.pictures:reconstructions"
    curves = False

    images: int = setting(36, "test examples", "examples", ge=1, le=10_000)


class DecoderGrid(EstimateSettings):
    name = "decoder-grid"
    about = "what is decoded from a grid over one or two latent dimensions, written as arrays"
    measure = "workbench.engine.evaluation.pictures:decoder_grid"
    curves = False

    points: int = setting(
        0, "values of each latent dimension; 0 takes 200 of one and 15 of two", ge=0, le=400
    )
    images: int = setting(1000, "test examples whose latents give the range", "examples", ge=4, le=100_000)


class Densities(EstimateSettings):
    name = "densities"
    about = "draws of N(0, I), of the prior, and of posteriors of test examples, written as arrays"
    measure = "workbench.engine.models.latent_draws:densities"
    curves = False

    draws: int = setting(2000, "draws, and test examples", "draws", ge=10, le=100_000)


class Traces(EstimateSettings):
    name = "traces"
    about = "LEBM: states of prior and posterior chains at every step, written as arrays"
    measure = "workbench.engine.models.latent_draws:traces"
    needs = ("an energy-based prior",)
    curves = False

    chains: int = setting(6, "chains of each kind", "chains", ge=1, le=1000)
    steps: int = setting(
        0,
        "Langevin steps; 0 takes the longer of prior_steps and encode_steps",
        "steps",
        ge=0,
        le=1_000_000,
    )
