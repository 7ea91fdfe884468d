"""Settings of adversarial variational Bayes (models.md §6)."""

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


class AVBSettings(ModelSettings):
    """Adversarial variational Bayes: an implicit posterior, its density ratio learnt by an adversary T."""

    engine: ClassVar[str] = "workbench.engine.models.avb:AVB"
    title: ClassVar[str] = "AVB"
    own_metrics: ClassVar[OwnMetrics] = (("adversary_loss",), ("kl_adversary",), ("reconstruction",))
    checks: ClassVar[tuple[Check, ...]] = (
        Check("train:adversary_loss", "the adversary is saturated: loss {value:.2g}", low=(0.02, 1e-6)),
        Check(
            "train:adversary_loss",
            "the adversary sees nothing: loss {value:.4g}, 2 ln 2 = 1.386",
            high=(1.36, 1.385),
            unless="adaptive_contrast",
        ),
        Check("state:adversary_gap", "ELBO (adversarial) is {value:.3g} nats above IWAE", high=(5.0, 50.0)),
    )
    explicit_posterior: ClassVar[bool] = False

    kind: Literal["avb"] = setting("avb", "model family")
    latent: int = setting(2, "latent dimensions", "dimensions", ge=1, le=4096)
    noise: int = setting(
        8,
        "dimensions of the encoder's concatenated noise ε, or of each εᵢ of adaptive contrast",
        "dimensions",
        ge=1,
        le=4096,
    )
    noise_kind: Literal["concatenated", "added"] = setting(
        "concatenated", "noise beside the input of a layer, or added to it (then as wide as the input)"
    )
    noise_at: Literal["input", "every-layer"] = setting("input", "where noise enters the encoder")
    noise_scale: float = setting(1.0, "standard deviation of added noise", "data units", gt=0.0)
    adaptive_contrast: bool = setting(
        False, "judge q(z|x) against a Gaussian of its own mean and variance, not against the prior"
    )
    noise_basis: int = setting(
        16, "adaptive contrast: noise functions vᵢ(εᵢ) that make up z", "functions", ge=1, le=1024
    )
    noise_net: list[int] = hidden(
        128, 128, 128, what="noise functions of adaptive contrast, or of what joins maps and noise"
    )
    noise_amplitude: float = setting(
        0.0,
        "adaptive contrast: aᵢ(x) before training, for every x; 0 leaves the published ones, near e⁻⁵",
        since="0.2.0",
        ge=0.0,
        le=100.0,
    )
    net: Net = net_setting()
    encoder: list[int] = hidden(64, 64, 64, what="encoder")
    decoder: list[int] = hidden(64, 64, 64, what="decoder")
    adversary: list[int] = hidden(128, what="adversary T")
    adversary_blocks: int = setting(
        1, "residual blocks after the adversary's hidden layers", "blocks", ge=0, le=50
    )
    adversary_form: Literal["joint", "inner-product"] = setting(
        "joint",
        "T as one net of x and z, or as θ(x)·s(z)/√F + Tₓ(x) + T_z(z), four nets of these layers",
        since="0.1.0",
    )
    adversary_features: int = setting(
        64, "inner-product form: length F of θ(x) and s(z)", "features", since="0.1.0", ge=1, le=100_000
    )
    activation: Activation = setting("elu", "non-linearity of the hidden layers")
    likelihood: Likelihood = setting("bernoulli", "distribution of the pixels given the latent")
    sigma: float = setting(1.0, "standard deviation of a Gaussian likelihood", "data units", gt=0.0)
    adversary_lr: float = setting(2e-3, "learning rate of the adversary", gt=0.0, le=10.0)
    adversary_steps: int = setting(2, "adversary updates per model update", "updates", ge=1, le=1000)
    adversary_first: int = setting(
        0,
        "updates at the start of training in which T alone is trained",
        "iterations",
        since="0.2.0",
        ge=0,
    )
    centre_inputs: bool = setting(False, "feed 2x − 1 to the encoder and the adversary")

    @property
    def noisy_layers(self) -> list[int]:
        """Widths of the encoder's layers that noise can enter, without adaptive contrast."""
        return self.encoder if self.net == "dense" else self.noise_net

    @model_validator(mode="after")
    def _contrast_has_noise_of_its_own(self) -> Self:
        if self.adaptive_contrast and (self.noise_kind, self.noise_at) != ("concatenated", "input"):
            raise ValueError(
                "model.adaptive_contrast brings noise of its own; drop model.noise_kind and model.noise_at"
            )
        if self.noise_amplitude and not self.adaptive_contrast:
            raise ValueError("model.noise_amplitude needs model.adaptive_contrast = true")
        return self

    @model_validator(mode="after")
    def _blocks_follow_a_layer(self) -> Self:
        if self.adversary_blocks and not self.adversary:
            raise ValueError("model.adversary_blocks needs a hidden layer in model.adversary; set it to 0")
        return self
