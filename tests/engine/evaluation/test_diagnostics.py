"""R-hat and effective sizes of chains whose autocorrelation is known (models.md §15 and §17, check 14)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from workbench.engine.evaluation.diagnostics import ess_bulk, ess_mean, ess_tail, rank_rhat
from workbench.engine.streams import Streams

CHAINS, DRAWS = 4, 10_000


def normal(*shape: int) -> Tensor:
    return Streams([0], dtype=torch.float64).normal("chain", *shape)[0]


def autoregressive(r: float, chains: int = CHAINS, draws: int = DRAWS) -> Tensor:
    """Stationary x_t = r x_{t−1} + √(1 − r²) ε_t of unit variance, [C, N]."""
    noise = normal(chains, draws)
    states = [noise[:, 0]]
    for t in range(1, draws):
        states.append(r * states[-1] + (1 - r * r) ** 0.5 * noise[:, t])
    return torch.stack(states, 1)


@pytest.mark.check("catalogue 14", "R-hat and ESS of an AR(1) process match theory.")
@pytest.mark.parametrize("r", [0.5, 0.9, -0.3])
def test_an_autoregression_is_worth_as_many_draws_as_theory_says(r: float) -> None:
    x = autoregressive(r)
    expected = (1 - r) / (1 + r)
    assert (ess_mean(x) / x.numel()).item() == pytest.approx(expected, rel=0.1)
    assert (ess_bulk(x) / x.numel()).item() == pytest.approx(expected, rel=0.15)
    assert rank_rhat(x).item() < 1.01


@pytest.mark.check("section 15", "Independent draws have full ESS.")
def test_independent_draws_count_fully() -> None:
    x = normal(CHAINS, DRAWS, 3)
    for ess in (ess_bulk, ess_tail, ess_mean):
        torch.testing.assert_close(ess(x) / (CHAINS * DRAWS), torch.ones(3).double(), rtol=0.1, atol=0)
    assert rank_rhat(x).shape == (3,) and (rank_rhat(x) - 1).abs().max() < 0.005


@pytest.mark.check("section 15", "A shifted chain has R-hat > 1.1.")
def test_a_shifted_chain_shows() -> None:
    x = normal(CHAINS, 1000)
    x[0] += 1.5
    assert rank_rhat(x) > 1.1
    assert ess_bulk(x) < 0.05 * x.numel()


def test_a_wider_chain_shows_in_the_folded_ranks_and_a_drift_within_every_chain() -> None:
    x = normal(CHAINS, 1000)
    assert rank_rhat(x + torch.linspace(0, 2, 1000, dtype=torch.float64)) > 1.1
    x[0] *= 4
    assert rank_rhat(x) > 1.1


def test_ranks_make_heavy_tails_harmless() -> None:
    """The mean of Cauchy draws does not exist; their ranks are as good as any."""
    x = torch.tan(1.5707 * (2 * torch.special.ndtr(normal(CHAINS, 1000)) - 1))
    assert rank_rhat(x) < 1.01


@pytest.mark.check("section 15", "A constant chain gives NaN.")
@pytest.mark.parametrize("diagnostic", [rank_rhat, ess_bulk, ess_tail, ess_mean])
def test_a_chain_that_never_moved_is_no_number(diagnostic) -> None:
    x = normal(CHAINS, 100, 3)
    x[1, :, 0] = 0.7
    x[2, 5, 1] = torch.inf
    assert diagnostic(x).isnan().tolist() == [True, True, False]


def test_short_chains_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 draws"):
        rank_rhat(normal(4, 7))
