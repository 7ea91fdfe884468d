"""An LEBM's chains at every temperature between prior and posterior: log p(x), and the noise of gradients."""

from __future__ import annotations

from typing import ClassVar

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import NATS, Metric, Metrics

OBJECTIVES = {"vanilla": "vanilla", "power": "power (biased)", "ti-full": "ti-full"}  # and their labels


class LadderSettings(EstimateSettings):
    """Base of what runs chains at every temperature t = (i/N)^p from the prior to the posterior."""

    needs = ("an energy-based prior",)

    temperatures: int = setting(10, "N of the ladder", "temperatures", ge=1, le=1000)
    power: float = setting(3.0, "p of the ladder", gt=0.0, le=20.0)
    draws: int = setting(
        8, "parallel chains M per example and temperature", "chains", ge=8, le=10_000, multiple_of=2
    )
    steps: int = setting(
        0, "Langevin steps from a cold start; 0 takes the model's encode_steps", "steps", ge=0, le=1_000_000
    )


class Thermodynamic(LadderSettings):
    name = "thermodynamic"
    about = "LEBM: E_t[log p(x|z)] over a ladder of temperatures, and log p(x) by integrating it"
    measure = "workbench.engine.models.lebm_estimates:thermodynamic"
    metrics: ClassVar[Metrics] = {
        "ti_log_px": Metric("TI log p̂(x)", NATS, "higher",
            "thermodynamic integration: E_t over a ladder, by the trapezium rule"),
        "ti_log_px_corrected": Metric("TI log p̂(x), corrected", NATS, "higher",
            "the same with the variance-corrected trapezium rule"),
        "ti_fall": Metric("fall of E_t", "standard errors", "lower",
            "at worst between neighbours; above 4: not converged"),
        "ti_drift": Metric("drift of E_t", "standard errors", "lower",
            "in the second half of the steps; above 4: not converged"),
        "ti_converged": Metric("chains converged", "", "higher", "1 if E_t neither falls with t nor drifts"),
        "ti_kl": Metric("largest Δt²V", "nats", "",
            "divergence of neighbouring temperatures, about; aim at ≲ 1"),
        "swap_acceptance": Metric("swap acceptance", "share", "", "exchanges of neighbouring temperatures"),
    }  # fmt: skip

    images: int = setting(200, "test examples", "examples", ge=2, le=1_000_000)
    exchange: int = setting(
        0, "steps between exchanges of states of neighbouring temperatures; 0 never", "steps", ge=0, le=10_000
    )


class GradientVariance(LadderSettings):
    name = "gradient-variance"
    about = (
        "LEBM: variance of the gradients of vanilla, power (biased) and ti-full, from chains and from data"
    )
    measure = "workbench.engine.models.lebm_estimates:gradient_variance"
    metrics: ClassVar[Metrics] = {
        f"gradient_{objective.replace('-', '_')}_{net}_{part}": Metric(
            f"{label} ∇{letter}: {what}", "", "" if part == "cosine" else "lower", about
        )
        for objective, label in OBJECTIVES.items()
        for net, letter in (("generator", "g"), ("prior", "f"))
        for part, what, about in (
            ("variance", "variance", "over repetitions at fixed weights, mean over weights"),
            ("chain", "variance by chains", "same batch, new chains"),
            ("data", "variance by data", "between batches; a difference, may be negative"),
            ("normalised", "variance / E[g²]", "1 is a gradient that is nothing but noise"),
            ("cosine", "cosine with vanilla", "of the mean gradients: below 1 by noise or by bias"),
        )
    }

    images: int = setting(16, "training examples per batch", "examples", ge=1, le=100_000)
    batches: int = setting(10, "batches", "batches", ge=2, le=10_000)
    repeats: int = setting(4, "sets of chains per batch", "repetitions", ge=2, le=10_000)
