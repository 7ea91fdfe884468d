"""Convergence diagnostics of HMC chains on the posterior."""

from __future__ import annotations

from typing import ClassVar

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import Metric, Metrics


class RHat(EstimateSettings):
    name = "rhat"
    about = "convergence of HMC chains on p(z|x): rank-normalised split R-hat, bulk and tail ESS, MCSE"
    measure = "workbench.engine.evaluation.latents:rhat"
    metrics: ClassVar[Metrics] = {
        "rhat": Metric("R-hat", "", "lower", "worst rank-normalised split R-hat of HMC chains on p(z|x)"),
        "ess_bulk": Metric("bulk ESS", "draws", "higher", "least effective number of draws for the centre"),
        "ess_tail": Metric("tail ESS", "draws", "higher", "least effective number of draws for the tails"),
        "mcse": Metric("MCSE", "posterior std", "lower", "largest Monte Carlo standard error of a mean"),
        "hmc_acceptance": Metric("HMC acceptance", "share", "", "accepted transitions; 0.65 is aimed at"),
    }  # fmt: skip

    images: int = setting(20, "test examples", "examples", ge=1, le=10_000)
    chains: int = setting(4, "chains per example, started far apart", "chains", ge=2, le=1000)
    draws: int = setting(2000, "kept draws per chain", "draws", ge=16, le=1_000_000)
    warmup: int = setting(300, "transitions in which the step size adapts", ge=0, le=1_000_000)
    leapfrogs: int = setting(10, "leapfrog steps per transition", ge=1, le=1000)
