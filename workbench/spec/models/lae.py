"""Settings of the Langevin autoencoder (docs/models/lae.md)."""

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


class LAESettings(ModelSettings):
    """Langevin autoencoder: the encoder's last layer W is a Langevin chain, not an optimised weight."""

    engine: ClassVar[str] = "workbench.engine.models.lae_course:build"
    title: ClassVar[str] = "LAE"
    own_metrics: ClassVar[OwnMetrics] = (
        ("acceptance",),
        ("course_acceptance",),
        ("step_size",),
        ("latent_move",),
        ("log_ratio",),
        ("energy",),
        ("z_variance",),
        ("weight_norm",),
    )
    targets: ClassVar[dict[str, str]] = {"acceptance": "target_acceptance"}
    checks: ClassVar[tuple[Check, ...]] = (
        Check(
            "train:acceptance",
            "the chain accepts {value:.2g} of its transitions",
            low=(0.2, 0.05),
            high=(0.98, None),
        ),
        Check("train:course_acceptance", "the chain accepts {value:.2g} of its transitions", low=(0.2, 0.05)),
        Check(
            "train:weight_norm", "the chain hardly moves: ‖W‖ by {value:.1e}", of="travel", low=(1e-5, 1e-7)
        ),
    )

    kind: Literal["lae"] = setting("lae", "model family")
    latent: int = setting(8, "latent dimensions", "dimensions", ge=1, le=4096)
    net: Net = net_setting()
    encoder: list[int] = setting(
        [1024, 1024, 1024],
        "widths of the hidden layers of the encoder; the last one is the width d of the features h, and "
        "d ≥ training.batch lets every image of a batch have the latent it needs; with maps d is their size",
        "units",
        min_length=1,  # the chain's matrix needs features to act on
        max_length=20,
    )
    decoder: list[int] = hidden(1024, 1024, 1024, what="decoder")
    activation: Activation = setting("relu", "non-linearity of the hidden layers")
    layer_norm: bool = setting(True, "normalise each hidden layer before its non-linearity")
    likelihood: Likelihood = setting("discretised-logistic", "distribution of the pixels given the latent")
    sigma: float = setting(1.0, "standard deviation of a Gaussian likelihood", "data units", gt=0.0)
    energy: Literal["joint", "likelihood"] = setting(
        "joint",
        "energy of the chain: −log p(x, z), or −log p(x|z) alone, as the course project has it",
        since="0.1.0",
    )
    noise: Literal["langevin", "course"] = setting(
        "langevin",
        "noise of the chain: √(2η), or √(2η / batch) and an accept rule that is not Metropolis–Hastings, "
        "as the course project has them",
        since="0.1.0",
    )
    transitions: int = setting(2, "Langevin transitions per update (T)", "transitions", ge=1, le=10_000)
    metropolis: bool = setting(
        True,
        "accept or reject each transition (MALA); off is ULA, whose acceptance is still reported",
    )
    step_size: float = setting(
        1e-4, "Langevin step η of the summed energy (the first one, if it adapts)", gt=0.0
    )
    adapt_step: bool = setting(True, "steer η towards the target acceptance during training")
    target_acceptance: float = setting(0.574, "acceptance rate that adaptation aims for", gt=0.0, lt=1.0)
    adapt_rate: float = setting(
        0.02, "gain of the adaptation: log η += rate · (acceptance − target)", gt=0.0, le=1.0
    )
    encoder_std: float = setting(0.05, "standard deviation of q(z|x) = N(f(x), s²) at evaluation", gt=0.0)

    def has_accept_step(self) -> bool:
        """Return True: without an accept step, the acceptance is still reported, and η may follow it."""
        return True

    @model_validator(mode="after")
    def _nothing_to_aim_at(self) -> Self:
        if self.noise == "course" and self.adapt_step:
            raise ValueError(
                "the course project's chain has no acceptance rate that a step size could be steered by: "
                "set model.adapt_step to false"
            )
        return self
