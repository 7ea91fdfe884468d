"""Score matching against scores known in closed form: of a Gaussian, and of n points."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from workbench.engine.data.batch import DataInfo
from workbench.engine.models.dsm import DSM
from workbench.engine.streams import Streams
from workbench.errors import WorkbenchError
from workbench.spec.models.dsm import DSMSettings
from workbench.spec.resolve import resolve
from workbench.spec.schema import TrainingSettings

MEAN, VARIANCE = 0.7, 0.5  # of the data in every dimension


def make(members: int = 4, **settings: Any) -> tuple[DSM, Streams]:
    streams = Streams(range(members), dtype=torch.float64)
    data = DataInfo("gaussian", (2,), "points", 100, 100, 0)
    chosen = DSMSettings(**{"net": [8], "features": 4, **settings})
    return DSM(chosen, TrainingSettings(iterations=1), data, streams), streams


def kernel_score(x: Tensor, points: Tensor, sigma: Tensor) -> Tensor:
    """The score of n points under noise σ: (Σ w_i x_i − x)/σ², w = softmax(−‖x − x_i‖²/2σ²)."""
    square = (x.unsqueeze(-2) - points).square().sum(-1)
    weights = torch.softmax(-square / (2 * sigma.unsqueeze(-1) ** 2), -1)
    return (weights @ points - x) / sigma.unsqueeze(-1) ** 2


def use_score(model: DSM, score: Any) -> None:
    """Replace the net's answer by a score(x, σ): the net names the noise, −σ times the score."""

    def named(x: Tensor, level: Tensor) -> Tensor:
        sigma = model.sigmas[level]
        return -sigma.unsqueeze(-1) * score(x, sigma)

    model.predicted = named  # type: ignore[method-assign]


def gaussian_score(x: Tensor, sigma: Tensor) -> Tensor:
    return -(x - MEAN) / (VARIANCE + sigma.unsqueeze(-1) ** 2)


@pytest.mark.check("catalogue 12", "The kernel score is the gradient of the smoothed log density.")
def test_the_kernel_score_is_the_gradient_of_the_smoothed_density() -> None:
    points = torch.tensor([[0.0, 0.0], [1.0, 0.5], [-1.0, 2.0]], dtype=torch.float64)
    x = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    sigma = torch.full((6,), 0.6, dtype=torch.float64)
    square = (x.unsqueeze(-2) - points).square().sum(-1)
    torch.logsumexp(-square / (2 * 0.36), -1).sum().backward()
    torch.testing.assert_close(kernel_score(x.detach(), points, sigma), x.grad)


@pytest.mark.check("catalogue 12", "The kernel score minimises the DSM loss.")
def test_no_score_has_a_smaller_loss_than_that_of_the_points() -> None:
    """The loss is a regression: it lies lowest at the exact score, and grows with the square of an error."""
    model, streams = make(levels=4, sigma_min=0.3)
    points = streams.fork("points").normal("points", 5, 2)[0]
    index = torch.arange(40_000) % 5
    x = points[index].expand(model.members, -1, -1)

    def loss(error: float) -> tuple[Tensor, Tensor]:
        def score(noisy: Tensor, sigma: Tensor) -> Tensor:
            off = error * torch.sin(3 * noisy) / sigma.unsqueeze(-1)
            return kernel_score(noisy, points, sigma) + off

        use_score(model, score)
        fresh = streams.fork("noise")  # the same noise for both: their difference is exact but for ε
        noisy, _, _ = model.noised(x, fresh)
        expected = 0.5 * error**2 * torch.sin(3 * noisy).square().sum(-1)
        return model.evaluate(x, streams.fork("noise"))["loss"], expected

    best, _ = loss(0.0)
    for error in (0.2, -0.2):
        worse, expected = loss(error)
        gap = worse - best - expected  # mean 0: the target's noise is uncorrelated with any function of x̃
        assert abs(gap.mean()) < 4 * gap.std() / gap.numel() ** 0.5
        assert worse.mean() > best.mean()


@pytest.mark.check("section 14", "The loss of a Gaussian's score equals its closed form.")
def test_the_exact_score_has_the_loss_that_gaussians_give() -> None:
    """E(ε − ε*)² = v / (v + σ²) per dimension, averaged over the levels."""
    model, streams = make()
    use_score(model, gaussian_score)
    x = MEAN + math.sqrt(VARIANCE) * streams.normal("data", 20_000, 2)
    found = model.evaluate(x, streams)["noise_mse"]
    expected = (VARIANCE / (VARIANCE + model.sigmas**2)).mean()
    assert abs(found.mean() - expected) < 4 * found.std() / found.numel() ** 0.5


@pytest.mark.check("catalogue 12", "Exact scores give samples with the exact moments of the chain.")
@pytest.mark.parametrize("denoise", [False, True])
def test_with_the_exact_score_samples_have_the_moments_of_the_chain(denoise: bool) -> None:
    """Every step is linear in x, so mean and variance of the samples follow exactly."""
    model, streams = make(chain_steps=20, denoise=denoise, sigma_min=0.1, chain_step=2e-3)
    use_score(model, gaussian_score)
    mean, variance = 0.0, model.levels[0] ** 2
    for sigma in model.levels:
        eta = model.settings.chain_step * (sigma / 0.1) ** 2 / 2
        slope = 1 - eta / (VARIANCE + sigma**2)
        for _ in range(20):
            mean = slope * mean + (1 - slope) * MEAN
            variance = slope**2 * variance + 2 * eta
    if denoise:
        shrink = 1 - 0.01 / (VARIANCE + 0.01)
        mean, variance = MEAN + shrink * (mean - MEAN), shrink**2 * variance
    x = model.sample(4000, streams).flatten()
    assert abs(x.mean() - mean) < 4 * math.sqrt(variance / len(x))
    assert abs(x.var() - variance) < 4 * variance * math.sqrt(2 / len(x))


@pytest.mark.check("section 14", "Long chains have the moments of the data.")
def test_long_chains_bring_the_moments_of_the_data() -> None:
    model, streams = make(chain_steps=200, sigma_min=0.1, chain_step=2e-3)
    use_score(model, gaussian_score)
    x = model.sample(2000, streams).flatten()
    assert x.mean().item() == pytest.approx(MEAN, abs=0.05)
    assert x.var().item() == pytest.approx(VARIANCE, rel=0.08)


def test_levels_are_geometric_and_bad_ones_are_refused() -> None:
    sigmas = DSMSettings().sigmas()
    assert (sigmas[0], sigmas[-1]) == pytest.approx((3.0, 0.01))
    ratios = [b / a for a, b in pairwise(sigmas)]
    assert max(ratios) == pytest.approx(min(ratios))
    with pytest.raises(WorkbenchError, match="sigma_max must be above"):
        resolve("dsm-moons", ["model.sigma_min=4.0"])
    with pytest.raises(WorkbenchError, match=r"overshoot.*lower model.chain_step to 0.0001"):
        resolve("dsm-moons", ["model.chain_step=1e-3"])
    resolve("dsm-moons", ["model.chain_step=1e-4"])
