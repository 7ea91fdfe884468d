"""Settings of the variational autoencoder (models.md §2, §5)."""

from __future__ import annotations

from typing import ClassVar, Literal

from workbench.spec.fields import setting
from workbench.spec.health import Check
from workbench.spec.models.base import Activation, Likelihood, ModelSettings, OwnMetrics, hidden


class GaussianVAESettings(ModelSettings):
    """What all autoencoders with a Gaussian encoder, trained on the bound, have in common."""

    own_metrics: ClassVar[OwnMetrics] = (("kl",), ("reconstruction",))
    checks: ClassVar[tuple[Check, ...]] = (
        Check("train:kl", "latents carry {value:.2g} nats: they are hardly used", low=(0.5, 0.05)),
    )

    latent: int = setting(10, "latent dimensions", "dimensions", ge=1, le=4096)
    encoder: list[int] = hidden(512, what="encoder")
    decoder: list[int] = hidden(512, what="decoder")
    activation: Activation = setting("relu", "non-linearity of the hidden layers")
    layer_norm: bool = setting(False, "normalise each hidden layer before its non-linearity", since="0.1.0")
    likelihood: Likelihood = setting("bernoulli", "distribution of the pixels given the latent")
    sigma: float = setting(1.0, "standard deviation of a Gaussian likelihood", "data units", gt=0.0)
    learn_sigma: bool = setting(False, "learn one standard deviation for all pixels")
    draws: int = setting(1, "latent draws per example and update (L)", "draws", ge=1, le=10_000)
    beta: float = setting(1.0, "weight of the KL term; 1 is the evidence lower bound", ge=0.0)
    l2: float = setting(0.0, "weight of the L2 penalty on the weight matrices", ge=0.0)
    l2_mode: Literal["mean", "sum", "decoupled"] = setting(
        "mean", "penalty on the mean square, the sum of squares, or decoupled weight decay"
    )


class VAESettings(GaussianVAESettings):
    """VAE with a Gaussian posterior; β and an L2 penalty make it the β-VAE."""

    engine: ClassVar[str] = "workbench.engine.models.vae:VAE"
    title: ClassVar[str] = "VAE"

    kind: Literal["vae"] = setting("vae", "model family")
