"""Settings of the variational autoencoder (models.md §2, §5)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from workbench.spec.fields import setting
from workbench.spec.health import LOSS_ROSE, Check
from workbench.spec.models.base import (
    Activation,
    Likelihood,
    ModelSettings,
    Net,
    OwnMetrics,
    hidden,
    net_setting,
)


class GaussianVAESettings(ModelSettings):
    """What all autoencoders with a Gaussian encoder, trained on the bound, have in common."""

    own_metrics: ClassVar[OwnMetrics] = (("kl",), ("reconstruction",))
    checks: ClassVar[tuple[Check, ...]] = (
        # it rises with β: by 0.28 on digits, warmed up for half the length
        replace(LOSS_ROSE, high=(0.6, 1.0)),
        Check("train:kl", "latents carry {value:.2g} nats: they are hardly used", low=(0.5, 0.05)),
    )

    latent: int = setting(10, "latent dimensions", "dimensions", ge=1, le=4096)
    net: Net = net_setting()
    encoder: list[int] = hidden(512, what="encoder")
    decoder: list[int] = hidden(512, what="decoder")
    activation: Activation = setting("relu", "non-linearity of the hidden layers")
    layer_norm: bool = setting(False, "normalise each hidden layer before its non-linearity", since="0.1.0")
    likelihood: Likelihood = setting("bernoulli", "distribution of the pixels given the latent")
    sigma: float = setting(1.0, "standard deviation of a Gaussian likelihood", "data units", gt=0.0)
    learn_sigma: bool = setting(False, "learn one standard deviation for all pixels")
    draws: int = setting(1, "latent draws per example and update (L)", "draws", ge=1, le=10_000)
    beta: float = setting(1.0, "weight of the KL term; 1 is the evidence lower bound", ge=0.0)
    beta_warmup: float = setting(
        0.0,
        "linear rise of the KL term's weight to `beta`: a number of updates, or below 1 a share of the "
        "length; 0 is off",
        "iterations",
        since="0.2.0",
        ge=0.0,
    )
    l2: float = setting(0.0, "weight of the L2 penalty on the weight matrices", ge=0.0)
    l2_mode: Literal["mean", "sum", "decoupled"] = setting(
        "mean", "penalty on the mean square, the sum of squares, or decoupled weight decay"
    )


class VAESettings(GaussianVAESettings):
    """VAE with a Gaussian posterior; β and an L2 penalty make it the β-VAE."""

    engine: ClassVar[str] = "workbench.engine.models.vae:VAE"
    title: ClassVar[str] = "VAE"

    kind: Literal["vae"] = setting("vae", "model family")
    objective: Literal["elbo", "iwae", "dreg"] = setting(
        "elbo",
        "evidence lower bound; importance-weighted bound; or the latter with doubly reparametrised gradients",
        since="0.2.0",
    )
    importance_samples: int = setting(
        10, "iwae and dreg: latent draws per example and update (k)", "draws", since="0.2.0", ge=1, le=10_000
    )
    free_bits: float = setting(
        0.0,
        "KL of each latent dimension, in the mean over a batch, below which it costs nothing to lower",
        "nats",
        since="0.2.0",
        ge=0.0,
    )

    @model_validator(mode="after")
    def _settings_of_the_objective(self) -> Self:
        if self.objective != "elbo":
            for name in ("beta", "beta_warmup", "free_bits", "draws"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(
                        f"model.{name} belongs to model.objective = elbo; {self.objective} has "
                        "model.importance_samples in its place"
                    )
        return self
