"""Diffusion against a Gaussian, whose best noise predictor is known: training, sampling, schedules."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from workbench.engine.data.batch import DataInfo
from workbench.engine.models.ddpm import DDPM
from workbench.engine.streams import Streams
from workbench.errors import WorkbenchError
from workbench.spec.models.ddpm import SIGNAL_LEFT, DDPMSettings, cosine_betas, linear_betas, signal_left
from workbench.spec.resolve import resolve
from workbench.spec.schema import TrainingSettings

MEAN, VARIANCE = 0.7, 0.5  # of the data in every dimension


def make(members: int = 4, **settings: Any) -> tuple[DDPM, Streams]:
    streams = Streams(range(members), dtype=torch.float64)
    data = DataInfo("gaussian", (2,), "points", 100, 100, 0)
    chosen = DDPMSettings(**{"net": [8], "features": 4, **settings})
    return DDPM(chosen, TrainingSettings(iterations=1), data, streams), streams


def kept(model: DDPM) -> Tensor:
    """ᾱ_t of every step."""
    return (1 - torch.tensor(model.settings.betas(), dtype=torch.float64)).cumprod(0)


def know_the_truth(model: DDPM) -> None:
    """Replace the net by ε* = √(1−ᾱ) (x − √ᾱ m) / (ᾱ v + 1 − ᾱ), exact for N(m, v)."""
    table = kept(model)

    def exact(x: Tensor, level: Tensor) -> Tensor:
        left = table[level].unsqueeze(-1)
        return (1 - left).sqrt() * (x - left.sqrt() * MEAN) / (left * VARIANCE + 1 - left)

    model.predicted = exact  # type: ignore[method-assign]


def moments_by_recursion(model: DDPM) -> tuple[float, float]:
    """Mean and variance of samples with ε*: each reverse step is linear in x, so both follow exactly."""
    betas, left = torch.tensor(model.settings.betas(), dtype=torch.float64), kept(model)
    mean, variance = 0.0, 1.0
    for t in reversed(range(len(betas))):
        beta, a = betas[t].item(), left[t].item()
        before = left[t - 1].item() if t else 1.0
        gain = math.sqrt(1 - a) / (a * VARIANCE + 1 - a)  # of ε* in x
        weight = beta / math.sqrt(1 - a)
        slope = (1 - weight * gain) / math.sqrt(1 - beta)
        noise = beta if model.settings.variance == "beta" else beta * (1 - before) / (1 - a)
        mean = slope * mean + weight * gain * math.sqrt(a) * MEAN / math.sqrt(1 - beta)
        variance = slope**2 * variance + (noise if t else 0.0)
    return mean, variance


@pytest.mark.check("catalogue 12", "DDPM with the exact ε* has the moments of the recursion and data.")
@pytest.mark.parametrize("settings", [{}, {"variance": "posterior"}, {"schedule": "cosine"}])
def test_with_the_exact_noise_samples_have_the_datas_moments(settings: dict[str, Any]) -> None:
    model, streams = make(**settings)
    know_the_truth(model)
    x = model.sample(4000, streams).flatten()
    mean, variance = moments_by_recursion(model)
    assert abs(x.mean() - mean) < 4 * math.sqrt(variance / len(x))
    assert abs(x.var() - variance) < 4 * variance * math.sqrt(2 / len(x))
    assert mean == pytest.approx(MEAN, abs=0.01)  # what is left of N(0, I) at the start
    assert variance == pytest.approx(VARIANCE, rel=0.12)  # T = 100 steps are not infinitely many


@pytest.mark.check("section 13", "More steps bring the sample variance closer to the data's.")
def test_more_steps_bring_the_variance_closer() -> None:
    gaps = []
    for steps, beta_max in ((100, 0.2), (1000, 0.02)):
        model, _ = make(steps=steps, beta_max=beta_max)
        gaps.append(abs(moments_by_recursion(model)[1] / VARIANCE - 1))
    assert gaps[1] < gaps[0] / 4


@pytest.mark.check("section 13", "The loss of ε* equals its closed form for Gaussian data.")
def test_the_exact_predictor_has_the_loss_that_gaussians_give() -> None:
    """E(ε − ε*)² = ᾱ v / (ᾱ v + 1 − ᾱ) per dimension, averaged over the steps."""
    model, streams = make()
    know_the_truth(model)
    x = MEAN + math.sqrt(VARIANCE) * streams.normal("data", 20_000, 2)
    found = model.evaluate(x, streams)
    a = kept(model)
    expected = (a * VARIANCE / (a * VARIANCE + 1 - a)).mean()
    error = found["noise_mse"].std() / found["noise_mse"].numel() ** 0.5
    assert abs(found["noise_mse"].mean() - expected) < 4 * error
    torch.testing.assert_close(found["loss"], found["noise_mse"])  # ½ · 2 dimensions


def test_levels_are_equally_likely_and_states_keep_unit_variance() -> None:
    model, streams = make(steps=8, schedule="cosine")
    x = streams.normal("data", 20_000, 2)
    noisy, _, level = model.noised(x, streams)
    counts = torch.bincount(level.flatten(), minlength=8) / level.numel()
    assert (counts - 1 / 8).abs().max() < 4 * math.sqrt(1 / 8 * 7 / 8 / level.numel())
    assert abs(noisy.var() - 1) < 4 * math.sqrt(2 / noisy.numel())


def test_schedules_end_where_they_say() -> None:
    assert linear_betas(3, 0.1, 0.3) == pytest.approx([0.1, 0.2, 0.3])
    assert signal_left([0.1, 0.2]) == pytest.approx(0.72)
    betas = cosine_betas(1000)
    assert max(betas) == 0.999
    left = torch.tensor([1 - beta for beta in betas], dtype=torch.float64).cumprod(0)
    assert left[499].item() == pytest.approx(math.cos(math.pi / 2 * 0.508 / 1.008) ** 2, rel=1e-3)
    assert left[-1] < SIGNAL_LEFT


@pytest.mark.check("catalogue 12", "Schedules with ᾱ_T ≥ 1e-3 are rejected with every remedy.")
def test_a_schedule_that_leaves_signal_is_refused_with_what_to_do() -> None:
    """The tutorial's own numbers: T = 100 with β up to 0.02 keeps 36 % of the variance."""
    with pytest.raises(WorkbenchError) as caught:
        resolve("ddpm-moons", ["model.beta_max=0.02"])
    text = str(caught.value)
    assert "leaves 0.36 of the data's variance" in text
    assert "raise model.beta_max to 0.2" in text
    assert "cosine" in text
    steps = int(text.split("raise model.steps to ")[1].split(",")[0])
    for change in ("model.beta_max=0.2", "model.schedule='cosine'", f"model.steps={steps}"):
        resolve("ddpm-moons", ["model.beta_max=0.02", change])  # every cure works
    with pytest.raises(WorkbenchError, match="beta_max must be at least"):
        resolve("ddpm-moons", ["model.beta_min=0.5"])
