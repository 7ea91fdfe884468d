"""Settings of the latent-space energy-based prior (docs/models/lebm.md)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from workbench.spec.fields import setting
from workbench.spec.health import Check
from workbench.spec.models.base import Activation, ModelSettings, Net, OwnMetrics, hidden, net_setting


class LEBMSettings(ModelSettings):
    """Latent EBM prior p(z) ∝ exp(f(z)) N(z; 0, I) and a Gaussian generator; short-run chains."""

    engine: ClassVar[str] = "workbench.engine.models.lebm_ti:build"
    title: ClassVar[str] = "LEBM"
    own_metrics: ClassVar[OwnMetrics] = (
        ("f_posterior", "f_prior"),
        ("ti_log_px",),
        ("z_square",),
        ("ti_kl",),
        ("reconstruction",),
    )
    has_energy_prior: ClassVar[bool] = True
    checks: ClassVar[tuple[Check, ...]] = (
        Check("train:f_prior", "f is {value:.3g} nats on the prior", low=(-100.0, -1e4), high=(100.0, 1e4)),
        Check("state:prior_norm", "prior chains escape: ‖z‖² is {value:.3g} a dimension", high=(20.0, 100.0)),
        Check(
            "state:prior_drift",
            "prior chains have not settled: f moves by {value:.2g} of its spread in four times the steps",
            high=(1.7, 5.0),
        ),
        Check("result:ti_converged", "chains of the ladder have not converged", low=(0.5, None)),
        Check("result:swap_acceptance", "{value:.2g} of the exchanges are accepted", low=(0.1, 0.01)),
    )
    normalised_prior: ClassVar[bool] = False  # log Z is unknown
    explicit_posterior: ClassVar[bool] = False

    kind: Literal["lebm"] = setting("lebm", "model family")
    latent: int = setting(2, "latent dimensions", "dimensions", ge=1, le=4096)
    net: Net = net_setting()
    prior: list[int] = hidden(64, 64, what="prior's f")
    generator: list[int] = hidden(64, 64, what="generator")
    activation: Activation = setting("silu", "non-linearity of the hidden layers")
    sigma: float = setting(0.1, "standard deviation of the observation noise", "data units", gt=0.0)
    flat_prior: bool = setting(False, "control run: f = 0, so the prior stays N(0, I)")
    prior_lr: float = setting(3e-4, "learning rate of the prior's f", gt=0.0, le=10.0)
    prior_steps: int = setting(40, "Langevin steps of the prior chain (K0)", "steps", ge=1, le=10_000)
    prior_step: float = setting(0.4, "prior step s0: z += s²/2 · score + s · noise", gt=0.0)
    posterior_steps: int = setting(20, "Langevin steps of the posterior chain (K1)", "steps", ge=1, le=10_000)
    posterior_step: float = setting(0.1, "posterior step s1: z += s²/2 · score + s · noise", gt=0.0)
    warm_start: bool = setting(False, "start each posterior chain where the datum's last one ended")
    encode_steps: int = setting(
        0,
        "Langevin steps that encode held-out data from N(0, I); the latent is the mean of the second half; "
        "0 takes posterior_steps",
        "steps",
        ge=0,
        le=100_000,
    )
    clamp: float = setting(
        0.0, "keep every coordinate of z within ± this in both chains; 0 does not clamp", ge=0.0
    )
    f_l2: float = setting(0.0, "weight of a small penalty on f², against drifting energies", ge=0.0)
    objective: Literal["vanilla", "power", "ti-full"] = setting(
        "vanilla",
        "gradient from posterior and prior chains; power: of E_t alone over temperatures (BIASED: not the "
        "gradient of log p(x)); ti-full: thermodynamic integration with its covariances",
        since="0.1.0",
    )
    temperatures: int = setting(
        10,
        "power, ti-full: N, for the ladder t = (i/N)^p from 0 to 1",
        "temperatures",
        since="0.1.0",
        ge=1,
        le=1000,
    )
    power: float = setting(3.0, "power, ti-full: p of the ladder", since="0.1.0", gt=0.0, le=20.0)
    draws: int = setting(
        8,
        "power, ti-full: parallel chains M per example and temperature; with fewer a covariance is noise",
        "chains",
        since="0.1.0",
        ge=8,
        le=10_000,
    )
    exchange: int = setting(
        0,
        "power, ti-full: Langevin steps between exchanges of states of neighbouring temperatures; 0 never",
        "steps",
        since="0.1.0",
        ge=0,
        le=10_000,
    )

    def has_accept_step(self) -> bool:
        """Return whether neighbouring temperatures exchange states."""
        return self.exchange > 0

    def hashed(self) -> dict[str, Any]:
        """Return what the group hash is made of: with `conv`, that of the family image-lebm of 0.1.0."""
        if self.net != "conv":
            return super().hashed()
        younger = self.late_defaults("0.1.0") | {"net"}
        return {**self.model_dump(mode="json", exclude=younger), "kind": "image-lebm"}

    @model_validator(mode="after")
    def _exchange_happens(self) -> Self:
        if self.exchange > self.posterior_steps:
            raise ValueError(
                "model.exchange must be at most model.posterior_steps, or no state is ever exchanged"
            )
        return self
