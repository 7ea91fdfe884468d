"""Annealed importance sampling: log p(x), and its two-sided check on samples of the model."""

from __future__ import annotations

from typing import ClassVar, Literal

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import NATS, Metric, Metrics


class AIS(EstimateSettings):
    name = "ais"
    about = "log p(x) by annealed importance sampling with HMC, and a two-sided gap on model samples"
    measure = "workbench.engine.evaluation.annealed:ais"
    metrics: ClassVar[Metrics] = {
        "ais": Metric("AIS log p(x)", NATS, "higher",
            "annealed importance sampling: a stochastic lower bound"),
        "ais_effective": Metric("AIS effective chains", "chains", "higher",
            "effective number of the chains' weights per example"),
        "ais_acceptance": Metric("AIS acceptance", "share", "", "accepted HMC transitions; 0.65 is aimed at"),
        "bdmc_gap": Metric("BDMC gap", NATS, "lower",
            "upper minus lower bound on log p(x) of samples of the model"),
        "bdmc_lower": Metric("BDMC lower bound", NATS, "", "AIS log p(x) of samples of the model"),
        "bdmc_upper": Metric("BDMC upper bound", NATS, "", "reverse AIS log p(x) of samples of the model"),
        "log_z": Metric("log Z of the prior", "nats", "", "by quadrature in 1-d and 2-d, else by AIS"),
    }  # fmt: skip

    images: int = setting(500, "test examples", "examples", ge=2, le=1_000_000)
    chains: int = setting(8, "chains per example", "chains", ge=1, le=10_000)
    temperatures: int = setting(500, "temperatures between base and posterior", ge=2, le=1_000_000)
    leapfrogs: int = setting(10, "leapfrog steps per transition; each costs one gradient", ge=1, le=1000)
    base: Literal["proposal", "full", "prior"] = setting(
        "proposal",
        "what chains start from: the model's Gaussian proposal for q(z|x), one with full covariance that is "
        "fitted to encoder draws, or N(0, I)",
    )
    schedule: Literal["linear", "sigmoid"] = setting(
        "linear", "temperatures evenly spaced, or closer at both ends"
    )
    bdmc: int = setting(
        50, "samples of the model that get an upper bound as well; 0 for none", "examples", ge=0, le=100_000
    )
    target_gap: float = setting(
        0.0, "BDMC gap until which temperatures and chains double in turn; 0 for no target", NATS, ge=0.0
    )
    growth: int = setting(16, "how many times the work a target may take at most", ge=1, le=65_536)
