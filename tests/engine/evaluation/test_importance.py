"""IWAE-k on a linear-Gaussian model, where log p(x) is known (models.md §17, check 1)."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from tests.engine.evaluation.lingauss import LinearGaussian
from workbench.engine.evaluation import importance
from workbench.engine.evaluation.importance import (
    fitted_gaussian,
    gaussian,
    importance_weighted,
    log_evidence,
    poor,
)
from workbench.engine.streams import Streams


@pytest.fixture
def model() -> LinearGaussian:
    return LinearGaussian()


def streams() -> Streams:
    return Streams([0, 1], dtype=torch.float64)


@pytest.mark.check("catalogue 1", "IWAE-k equals log p(x) for any k, given the exact posterior.")
def test_the_exact_posterior_gives_the_exact_value_with_any_number_of_draws(model: LinearGaussian) -> None:
    x = model.draw(5, streams())
    for draws in (1, 7):
        estimate = log_evidence(model, x, *model.posterior(x), draws, streams())
        torch.testing.assert_close(estimate, model.log_px(x), rtol=0, atol=1e-10)


@pytest.mark.check("catalogue 1", "With a poor proposal, IWAE-k rises with k and stays below log p(x).")
def test_with_a_poor_proposal_it_rises_with_k_and_never_passes_log_px(model: LinearGaussian) -> None:
    """Means over 1500 repetitions at eight fixed x, with standard errors: log(k ± 1) for log k would fail."""
    x, count = model.draw(4, streams()), 1500
    mean, factor = model.posterior(x)
    std = factor.square().sum(-1).sqrt()
    # wider than the posterior in every direction, or the weights would have no variance
    asked = [part.repeat(1, count, 1) for part in (x, mean + 0.8 * std, 1.6 * std)]
    exact = model.log_px(x).mean()
    means, errors = [], []
    for draws in (1, 4, 16, 64, 256):
        values = log_evidence(model, *asked, draws, streams().fork(f"k = {draws}"))
        per_repetition = values.unflatten(1, (count, 4)).mean((0, 2))
        means.append(per_repetition.mean())
        errors.append(per_repetition.std() / count**0.5)
    for estimate, error in zip(means, errors, strict=True):
        assert estimate <= exact + 4 * error
    for (low, low_error), (high, high_error) in pairwise(zip(means, errors, strict=True)):
        assert high - low > 4 * torch.hypot(low_error, high_error)
    assert exact - means[0] > 1  # a poor proposal, indeed
    assert exact - means[-1] < 0.005


def test_a_standard_deviation_is_a_diagonal_factor(model: LinearGaussian) -> None:
    x = model.draw(4, streams())
    std = torch.full((2, 4, 2), 0.7, dtype=torch.float64)
    mean = torch.zeros_like(std)
    pair = [log_evidence(model, x, mean, scale, 9, streams()) for scale in (std, torch.diag_embed(std))]
    torch.testing.assert_close(*pair, rtol=0, atol=1e-12)


def test_blocks_do_not_change_the_value(model: LinearGaussian, monkeypatch: pytest.MonkeyPatch) -> None:
    x = model.draw(20, streams())
    mean, factor = model.posterior(x)
    whole = log_evidence(model, x, mean, 1.5 * factor, 20, streams())
    for rows in (3, 50):
        monkeypatch.setattr(importance, "BLOCK_ELEMENTS", 2 * importance.ASSUMED_WIDTH * rows)
        cut = log_evidence(model, x, mean, 1.5 * factor, 20, streams())
        torch.testing.assert_close(cut, whole, rtol=0, atol=1e-12)


def test_a_gaussian_fitted_to_draws_recovers_the_posterior(model: LinearGaussian) -> None:
    x = model.draw(3, streams())
    mean, factor = model.posterior(x)
    noise = streams().normal("noise", 20_000, 3, 2).permute(1, 0, 2, 3)
    draws = mean + (factor @ noise.unsqueeze(-1)).squeeze(-1)
    fitted_mean, fitted_factor = fitted_gaussian(draws, inflation=1.0)
    torch.testing.assert_close(fitted_mean, mean, rtol=0, atol=0.02)
    torch.testing.assert_close(fitted_factor @ fitted_factor.mT, factor @ factor.mT, rtol=0.05, atol=0.005)
    estimate = log_evidence(model, x, *fitted_gaussian(draws), 2000, streams())
    torch.testing.assert_close(estimate, model.log_px(x), rtol=0, atol=0.05)


def test_a_collapsed_encoder_still_gives_a_finite_bound(model: LinearGaussian) -> None:
    x = model.draw(3, streams())
    mean, _ = model.posterior(x)
    estimate = log_evidence(model, x, *fitted_gaussian(mean.expand(50, -1, -1, -1)), 50, streams())
    assert estimate.isfinite().all()
    assert (estimate < model.log_px(x) + math.log(2)).all()


@pytest.mark.check(
    "science 1", "Fitted to 200 draws, proposals are within 0.5 nats or flagged (2 to 250 latents)."
)
@pytest.mark.parametrize("shape", ["diagonal", "correlated"])
@pytest.mark.parametrize("latent", [2, 50, 100, 250])
def test_a_fit_to_200_draws_is_within_half_a_nat_or_flagged(latent: int, shape: str) -> None:
    examples = 200 if latent <= 50 else 10
    model = LinearGaussian(members=1, dimensions=latent, latent=latent, sigma=1.0)
    if shape == "diagonal":
        model.matrix = torch.diag_embed(model.matrix.diagonal(dim1=1, dim2=2))
    one = Streams([0], dtype=torch.float64)
    x = model.draw(examples, one)
    mean, factor = model.posterior(x)
    noise = one.normal("noise", 200, examples, latent).transpose(0, 1)
    draws = mean + (noise.unsqueeze(-2) @ factor.mT).squeeze(-2)
    found, effective = importance_weighted(model, x, gaussian(*fitted_gaussian(draws)), 64, one)
    gap = (model.log_px(x) - found).mean().item()
    if shape == "diagonal" or latent <= 50:
        assert abs(gap) < 0.5
    assert poor(effective.mean().item(), 64) == (shape == "correlated" and latent > 50)
