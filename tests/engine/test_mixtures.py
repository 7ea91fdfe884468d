"""Mixtures of known data, and the stacked tensors against scikit-learn's own arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from workbench.engine.mixtures import Mixtures, choose, fit
from workbench.engine.streams import Streams

WEIGHT = 0.3  # of the first of two components


def two_clouds(count: int, seed: int = 0) -> np.ndarray:
    """Draws from 0.3 N((-2, 0), diag(1, 0.25)) + 0.7 N((1.5, 1), [[1, 0.6], [0.6, 1]])."""
    rng = np.random.default_rng(seed)
    first = rng.multivariate_normal([-2, 0], [[1, 0], [0, 0.25]], count)
    second = rng.multivariate_normal([1.5, 1], [[1, 0.6], [0.6, 1]], count)
    return np.where(rng.random(count)[:, None] < WEIGHT, first, second)


@pytest.mark.check("section 4", "EM recovers known weights within 0.02 at n = 5000.")
def test_known_weights_and_means_are_recovered() -> None:
    codes = two_clouds(5000)
    mixture = fit(codes, 2, 3, 0)
    order = np.argsort(mixture.means_[:, 0])
    assert mixture.weights_[order] == pytest.approx([WEIGHT, 1 - WEIGHT], abs=0.02)
    assert mixture.means_[order] == pytest.approx(np.array([[-2, 0], [1.5, 1]]), abs=0.1)
    assert mixture.covariances_[order[1]] == pytest.approx(np.array([[1, 0.6], [0.6, 1]]), abs=0.1)


@pytest.mark.check("catalogue 14", "EM never lowers the log-likelihood.")
def test_em_never_lowers_the_log_likelihood() -> None:
    mixture = fit(two_clouds(1000), 4, 1, 0)
    bounds = np.array(mixture.lower_bounds_)
    assert len(bounds) > 5
    assert (np.diff(bounds) > -1e-6).all()
    assert bounds[-1] - bounds[0] > 0.001


@pytest.mark.parametrize("rule", ["held-out", "bic"])
def test_the_number_of_components_is_found(rule: str) -> None:
    codes = two_clouds(1500)
    chosen = choose(codes, [1, 2, 4], rule, 1, 0)  # type: ignore[arg-type]
    assert len(chosen.weights_) == 2


def test_more_restarts_are_never_worse() -> None:
    codes = two_clouds(300, seed=3)
    assert fit(codes, 5, 4, 0, 1e-3).lower_bound_ >= fit(codes, 5, 1, 0, 1e-3).lower_bound_


def test_copies_of_one_point_do_not_collapse_a_component() -> None:
    codes = two_clouds(500)
    codes[:50] = codes[0]
    mixture = fit(codes, 6, 2, 0)
    smallest = np.linalg.eigvalsh(mixture.covariances_).min()
    assert smallest >= 0.99e-6 * codes.var(0).sum()


def fitted(seeds: list[int], scale: float = 1.0) -> tuple[Mixtures, Tensor]:
    codes = torch.stack([torch.from_numpy(two_clouds(1500, seed)) for seed in seeds]) * scale + 5
    mixtures = Mixtures(4, 2, Streams(seeds, dtype=torch.float64))
    mixtures.refit(codes, [1, 2], "bic", 1, seeds)
    return mixtures, codes


def reference(mixtures: Mixtures, codes: Tensor) -> tuple[GaussianMixture, np.ndarray]:
    own = ((codes - codes.mean(0)) / codes.std(0, unbiased=False)).numpy()
    return choose(own, [1, 2], "bic", 1, 0), own


def test_the_density_is_scikit_learns_in_the_codes_own_units() -> None:
    mixtures, codes = fitted([0, 1], scale=100.0)
    mixture, own = reference(mixtures, codes[0])
    expected = mixture.score_samples(own) - codes[0].std(0, unbiased=False).log().sum().item()
    np.testing.assert_allclose(mixtures.log_prob(codes)[0].numpy(), expected, rtol=1e-8)
    assert (mixtures.weights[0] == 0).sum() == 2  # two of four places are not used


def test_the_density_integrates_to_one() -> None:
    mixtures, _ = fitted([0])
    axis = torch.linspace(-5, 15, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)[None]
    assert mixtures.log_prob(grid).exp().sum().item() * 0.05**2 == pytest.approx(1, abs=1e-4)


def test_draws_have_the_moments_of_the_codes() -> None:
    mixtures, codes = fitted([0, 1])
    drawn = mixtures.sample(40_000, Streams([0, 1], dtype=torch.float64))
    assert drawn.shape == (2, 40_000, 2)
    torch.testing.assert_close(drawn.mean(1), codes.mean(1), rtol=0, atol=0.04)
    for member in (0, 1):  # EM at its fixed point keeps the overall covariance
        torch.testing.assert_close(drawn[member].T.cov(), codes[member].T.cov(), rtol=0.05, atol=0.05)
    left = (drawn[0, :, 0] < 5 - 0.75).double().mean()
    assert left.item() == pytest.approx((codes[0, :, 0] < 5 - 0.75).double().mean().item(), abs=0.02)


def test_a_member_whose_codes_are_not_finite_leaves_the_others_alone() -> None:
    mixtures, codes = fitted([0, 1])
    before = mixtures.log_prob(codes)[0]
    codes[1, 3] = torch.nan
    mixtures.refit(codes, [1, 2], "bic", 1, [0, 1])
    assert torch.equal(mixtures.log_prob(codes)[0], before)
    assert mixtures.sample(10, Streams([0, 1], dtype=torch.float64))[1].isnan().all()


def test_before_any_fit_it_is_a_standard_normal() -> None:
    mixtures = Mixtures(3, 2, Streams([0], dtype=torch.float64))
    z = torch.randn(1, 5, 2, dtype=torch.float64)
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    torch.testing.assert_close(mixtures.log_prob(z), expected)
