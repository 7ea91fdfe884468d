"""Likelihoods against sums over all outcomes, closed forms and their own draws."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from workbench.engine.likelihoods import (
    PIXEL_FLOOR,
    Bernoulli,
    DiscretisedLogistic,
    Gaussian,
    Likelihood,
    make_likelihood,
)
from workbench.engine.streams import Streams

STREAMS = Streams([0, 1], dtype=torch.float64)


def test_bernoulli_probabilities_of_all_outcomes_sum_to_one() -> None:
    logits = torch.randn(2, 1, 5, dtype=torch.float64) * 3
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=5)), dtype=torch.float64)
    total = Bernoulli().log_prob(every.expand(2, -1, -1), logits.expand(-1, 32, -1)).exp().sum(1)
    torch.testing.assert_close(total, torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-12)


def test_grey_targets_cost_at_least_their_own_entropy() -> None:
    x = torch.rand(2, 3, 10, dtype=torch.float64)
    entropy = -(x * x.log() + (1 - x) * (1 - x).log()).sum(-1)
    best = Bernoulli().log_prob(x, torch.logit(x))
    torch.testing.assert_close(best, -entropy)
    assert (Bernoulli().log_prob(x, torch.logit(x) + 0.3) < best).all()


@pytest.mark.parametrize("sigma", [0.1, 1.0, 2.5])
def test_gaussian_has_its_constant(sigma: float) -> None:
    x, out = torch.randn(2, 2, 3, 4, dtype=torch.float64)
    expected = torch.distributions.Normal(out, sigma).log_prob(x).sum(-1)
    torch.testing.assert_close(Gaussian(sigma, False, STREAMS).log_prob(x, out), expected)


def test_a_learned_sigma_finds_the_spread_of_its_member() -> None:
    likelihood = Gaussian(1.0, True, STREAMS)
    spread = torch.tensor([0.5, 2.0], dtype=torch.float64)
    x = STREAMS.normal("x", 2000, 3) * spread[:, None, None]
    optimiser = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        (-likelihood.log_prob(x, torch.zeros_like(x)).mean(1)).sum().backward()
        optimiser.step()
    torch.testing.assert_close(likelihood.scale(), x.square().mean((1, 2)).sqrt(), rtol=1e-3, atol=0)


def test_a_fixed_sigma_is_not_trained_but_saved() -> None:
    likelihood = Gaussian(0.3, False, STREAMS)
    assert not list(likelihood.parameters())
    assert "log_sigma" in likelihood.state_dict()


LEVELS = torch.arange(256, dtype=torch.float64) / 255


@pytest.mark.check("catalogue 3", "The 256 levels sum to one (1e-6; 1e-4 at σ = 0.05).")
@pytest.mark.parametrize(("sigma", "tolerance"), [(0.3, 1e-6), (1.2, 1e-6), (0.05, 1e-4)])
@pytest.mark.parametrize("mean", [-1.3, -1.0, 0.0, 0.4, 1.0])
def test_discretised_logistic_levels_sum_to_one(sigma: float, tolerance: float, mean: float) -> None:
    likelihood = DiscretisedLogistic(STREAMS, sigma)
    x = LEVELS.view(1, 256, 1).expand(2, -1, -1)
    total = likelihood.log_prob(x, torch.full_like(x, mean)).exp().sum(1)
    # the floor adds up to 256 · 1.2e-7; with it lifted the sum is exact
    torch.testing.assert_close(total, torch.ones(2, dtype=torch.float64), rtol=0, atol=tolerance)


@pytest.mark.check("catalogue 3", "Bins are differences of the logistic; the outer bins are open.")
def test_discretised_logistic_is_the_difference_of_the_logistic_at_the_bin_edges() -> None:
    likelihood = DiscretisedLogistic(STREAMS)  # σ = 1.201
    sigma = likelihood.scale()[0]
    assert sigma.item() == pytest.approx(1.2011, abs=1e-4)
    out = torch.randn(2, 256, 1, dtype=torch.float64)
    x = LEVELS.view(1, 256, 1).expand(2, -1, -1)
    upper = torch.sigmoid((2 * x - 1 + 1 / 255 - out) / sigma)
    lower = torch.sigmoid((2 * x - 1 - 1 / 255 - out) / sigma)
    upper[:, -1], lower[:, 0] = 1, 0
    torch.testing.assert_close(likelihood.log_prob(x, out).exp(), (upper - lower).squeeze(-1))


def test_a_pixel_beyond_the_floor_costs_15_9_nats_and_has_no_gradient() -> None:
    """The published clamp, and the trap that comes with it."""
    likelihood = DiscretisedLogistic(STREAMS, 0.05)
    out = torch.tensor([[[8.0]], [[0.1]]], dtype=torch.float64, requires_grad=True)
    log_p = likelihood.log_prob(torch.full_like(out, 0.5), out)
    log_p.sum().backward()
    assert log_p[0].item() == pytest.approx(PIXEL_FLOOR) == pytest.approx(-15.94, abs=0.01)
    assert out.grad[0].item() == 0
    assert out.grad[1].item() < 0


def test_the_prior_on_logit_tau_is_the_standard_logistic() -> None:
    likelihood = DiscretisedLogistic(STREAMS)
    with torch.no_grad():
        likelihood.logit_tau[1] = 1.5
    penalty = likelihood.penalty()
    density = torch.sigmoid(torch.tensor(1.5)) * torch.sigmoid(torch.tensor(-1.5))
    assert penalty[0].item() == pytest.approx(-math.log(0.25))
    assert penalty[1].item() == pytest.approx(-density.log().item(), rel=1e-6)


@pytest.mark.parametrize(
    ("likelihood", "out", "tolerance"),
    [
        (Bernoulli(), 0.4, 0.01),
        (Gaussian(0.5, False, STREAMS), 0.4, 0.01),
        (DiscretisedLogistic(STREAMS, 0.05), 0.2, 0.002),
    ],
)
def test_draws_have_the_mean_that_mean_promises(likelihood: Likelihood, out: float, tolerance: float) -> None:
    many = torch.full((2, 40_000, 1), out, dtype=torch.float64)
    drawn = likelihood.draw(many, STREAMS, "draws")
    assert drawn.shape == many.shape
    torch.testing.assert_close(drawn.mean(1), likelihood.mean(many).mean(1), rtol=0, atol=tolerance)


@pytest.mark.check("whole 9", "Exact samples: levels are drawn with their probabilities.")
@pytest.mark.parametrize(
    ("likelihood", "levels", "out"),
    [
        (Bernoulli(), 2, 0.4),
        (DiscretisedLogistic(STREAMS, 0.05), 256, 0.2),
        (DiscretisedLogistic(STREAMS), 256, 0.7),  # σ = 1.2: more than half lies in the open edge bins
    ],
)
def test_each_level_is_drawn_as_often_as_its_probability_says(
    likelihood: Likelihood, levels: int, out: float
) -> None:
    """Pearson's χ² of the drawn levels, those expected fewer than 20 times put together."""
    count = 40_000
    drawn = likelihood.draw(torch.full((2, count, 1), out, dtype=torch.float64), STREAMS, "levels")
    every = torch.linspace(0, 1, levels, dtype=torch.float64).view(1, -1, 1).expand(2, -1, -1)
    expected = count * likelihood.log_prob(every, torch.full_like(every, out)).exp().detach()
    for own, probable in zip((drawn * (levels - 1)).round().long().flatten(1), expected, strict=True):
        seen = torch.bincount(own, minlength=levels).double()
        often = probable >= 20
        pairs = [(seen[often], probable[often]), (seen[~often].sum()[None], probable[~often].sum()[None])]
        seen, probable = (torch.cat(part) for part in zip(*pairs, strict=True))
        cells = int((probable > 0).sum())
        chi = ((seen - probable).square() / probable.clamp_min(1)).sum().item()
        assert chi < cells + 4 * math.sqrt(2 * cells) + 4


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "discretised-logistic"])
def test_members_do_not_mix(kind: str) -> None:
    likelihood = make_likelihood(kind, STREAMS, sigma=0.7, learn=True)
    out: Tensor = torch.randn(2, 4, 6, dtype=torch.float64, requires_grad=True)
    x = torch.rand(2, 4, 6, dtype=torch.float64)
    likelihood.log_prob(x, out)[0].sum().backward()
    assert out.grad[0].abs().sum() > 0
    assert out.grad[1].abs().sum() == 0
    for parameter in likelihood.parameters():
        assert parameter.grad[1].abs().sum() == 0


def test_an_unknown_likelihood_is_refused() -> None:
    with pytest.raises(ValueError, match="poisson"):
        make_likelihood("poisson", STREAMS)
