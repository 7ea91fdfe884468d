"""Settings of the VAE with binary latents (docs/models/binary-vae.md)."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from workbench.spec.fields import setting
from workbench.spec.health import Check
from workbench.spec.models.base import (
    Activation,
    Likelihood,
    ModelSettings,
    Net,
    OwnMetrics,
    hidden,
    net_setting,
)


class BinaryVAESettings(ModelSettings):
    """VAE whose latents are bits, with five ways to estimate the encoder's gradient."""

    engine: ClassVar[str] = "workbench.engine.models.binary_vae:BinaryVAE"
    title: ClassVar[str] = "Binary VAE"
    own_metrics: ClassVar[OwnMetrics] = (("kl",), ("reconstruction",), ("temperature",))
    checks: ClassVar[tuple[Check, ...]] = (
        Check("state:active_share", "{value:.0%} of the bits are used", low=(0.2, 1e-6)),
    )
    continuous_latents: ClassVar[bool] = False

    kind: Literal["binary-vae"] = setting("binary-vae", "model family")
    latent: int = setting(32, "latent bits", "bits", ge=1, le=4096)
    net: Net = net_setting()
    encoder: list[int] = hidden(512, what="encoder")
    decoder: list[int] = hidden(512, what="decoder")
    activation: Activation = setting("relu", "non-linearity of the hidden layers")
    likelihood: Likelihood = setting("bernoulli", "distribution of the pixels given the latent")
    sigma: float = setting(1.0, "standard deviation of a Gaussian likelihood", "data units", gt=0.0)
    estimator: Literal["rloo", "disarm", "vimco", "concrete", "straight-through"] = setting(
        "rloo", "gradient of the encoder: unbiased (rloo, disarm), for a bound of its own (vimco), or biased"
    )
    draws: int = setting(
        4, "codes decoded per example and update (L); disarm needs an even number", "draws", ge=1, le=10_000
    )
    tau: float = setting(0.5, "concrete: temperature, at the start if it anneals", gt=0.0, le=100.0)
    tau_rate: float = setting(
        0.0, "concrete: τ falls as τ·exp(−rate·step); 0 keeps it", "1/iteration", ge=0.0, le=1.0
    )
    tau_floor: float = setting(0.1, "concrete: τ falls no lower than this", gt=0.0, le=100.0)

    @model_validator(mode="after")
    def _draws_fit_the_estimator(self) -> Self:
        if self.estimator in ("rloo", "vimco") and self.draws < 2:
            raise ValueError(
                f"{self.estimator} compares each draw with the others: model.draws must be 2 or more"
            )
        if self.estimator == "disarm" and self.draws % 2:
            raise ValueError("disarm decodes antithetic pairs: model.draws must be even")
        return self
