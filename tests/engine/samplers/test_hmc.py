"""HMC on Gaussians and a bent density: moments, acceptance, reversibility."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from workbench.engine.evaluation.diagnostics import ess_bulk, ess_mean, rank_rhat
from workbench.engine.samplers.hmc import evaluator, run_chains, transition
from workbench.engine.streams import Streams

VARIANCES = torch.tensor([1.0, 4.0], dtype=torch.float64)


def standard_error(draws: Tensor) -> Tensor:
    """Return the Monte Carlo standard error of the mean of draws [C, N, *event]."""
    return draws.flatten(0, 1).std(0) / ess_mean(draws).sqrt()


def gaussian(z: Tensor) -> Tensor:
    return -0.5 * (z.square() / VARIANCES).sum(-1)


def bent(z: Tensor) -> Tensor:
    """x ~ N(0, 1), y | x ~ N(x²/2, 1): E[y] = 1/2, Var[y] = 3/2."""
    x, y = z.unbind(-1)
    return -0.5 * x.square() - 0.5 * (y - 0.5 * x.square()).square()


def streams() -> Streams:
    return Streams([0, 1], dtype=torch.float64)


@pytest.mark.check("section 15", "HMC has the moments of its target.")
def test_moments_lie_within_four_standard_errors() -> None:
    cases = ((gaussian, torch.zeros(2), VARIANCES), (bent, torch.tensor([0.0, 0.5]), None))
    for density, mean, variance in cases:
        start = streams().normal("start", 8, 2)
        found = run_chains(density, start, torch.ones(2).double(), 600, 200, 5, streams())
        for draws in found.draws:  # one member: [C, n, d]
            assert ((draws.mean((0, 1)) - mean).abs() < 4 * standard_error(draws)).all()
            assert (rank_rhat(draws) < 1.02).all() and (ess_bulk(draws) > 400).all()
            if variance is not None:
                squares = draws.square()
                assert ((squares.mean((0, 1)) - variance).abs() < 4 * standard_error(squares)).all()


@pytest.mark.check("section 15", "HMC's step adapts to an acceptance of 0.65, then stays fixed.")
def test_the_step_adapts_to_its_target_and_is_then_fixed() -> None:
    start = streams().normal("start", 16, 2)
    found = run_chains(gaussian, start, torch.ones(2).double(), 200, 200, 10, streams())
    assert found.draws.shape == (2, 16, 200, 2) and found.step.shape == (2, 16)
    assert 0.55 < found.acceptance.mean() < 0.75


def move(z: Tensor, p: Tensor, step: float, leapfrogs: int) -> Tensor:
    """Return the acceptance probability of one trajectory."""
    evaluate = evaluator(bent)
    current = evaluate(z)
    uniform = torch.zeros(z.shape[:-1], dtype=torch.float64)
    size = torch.full((*z.shape[:-1], 1), step, dtype=torch.float64)
    return transition(evaluate, lambda q: evaluate(q).gradient, current, size, p, uniform, leapfrogs)[1]


def test_a_leapfrog_trajectory_conserves_energy_to_second_order() -> None:
    z, p = streams().normal("z", 50, 2), streams().normal("p", 50, 2)
    errors = []
    for step, leapfrogs in ((0.02, 50), (0.01, 100)):
        errors.append(-move(z, p, step, leapfrogs).log().mean().item())
    assert 3 < errors[0] / errors[1] < 5  # a quarter at half the step


def test_a_rejected_chain_stays_and_a_lost_one_is_rejected() -> None:
    z = streams().normal("z", 3, 2)
    evaluate = evaluator(gaussian)
    current = evaluate(z)
    step = torch.tensor([0.1, 1e200, 3.0], dtype=torch.float64).view(1, 3, 1).expand(2, 3, 1)
    uniform = torch.tensor([0.0, 0.0, 1 - 1e-12], dtype=torch.float64).expand(2, 3)
    noise = streams().normal("p", 3, 2)
    end, probability = transition(evaluate, lambda q: evaluate(q).gradient, current, step, noise, uniform, 4)
    assert (end.position[:, 0] != z[:, 0]).all()
    assert torch.equal(end.position[:, 1:], z[:, 1:])
    assert torch.equal(end.gradient[:, 1:], current.gradient[:, 1:])
    assert (probability[:, 1] == 0).all() and math.isfinite(float(probability.sum()))


@pytest.mark.check("section 15", "HMC leaves a start of zero density; a ratio that is not a number rejects.")
@pytest.mark.parametrize(("edge", "moved"), [(-math.inf, 1.0), (math.nan, 0.0)])
def test_a_chain_leaves_a_start_of_zero_density_and_not_one_without_a_number(
    edge: float, moved: float
) -> None:
    def inside(z: Tensor) -> Tensor:
        return torch.where((z.abs() < 1).all(-1), 0 * z.sum(-1), edge)

    start = torch.full((1, 8, 2), 1.01, dtype=torch.float64)
    found = run_chains(inside, start, torch.ones(2).double(), 200, 0, 2, Streams([0], dtype=torch.float64))
    ended = (found.draws[..., -1, :].abs() < 1).all(-1)
    assert ended.double().mean() == moved


def test_scale_is_a_change_of_units() -> None:
    """Chains of z / s with unit scale and of z with scale s are the same chains."""
    s = VARIANCES.sqrt()
    start = streams().normal("start", 4, 2)
    plain = run_chains(lambda u: gaussian(u * s), start, torch.ones(2).double(), 20, 10, 3, streams())
    scaled = run_chains(gaussian, start * s, s, 20, 10, 3, streams())
    torch.testing.assert_close(plain.draws * s, scaled.draws)
