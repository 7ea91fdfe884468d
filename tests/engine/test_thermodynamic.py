"""Thermodynamic integration on the conjugate example x = b z + N(0, s²), z ~ N(0, 1), where all is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from workbench.engine.thermodynamic import (
    adjacent_kl,
    corrected_trapezium,
    ladder,
    largest_fall,
    pairs_of,
    rung_etas,
    swap_neighbours,
    trapezium,
    trapezium_weights,
)

B, X, S2 = 2.0, 1.7, 0.25
LOG_P = -0.5 * math.log(2 * math.pi * (B * B + S2)) - X * X / (2 * (B * B + S2))


def tempered(t: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of the power posterior, N(m, v)."""
    v = 1 / (1 + t * B * B / S2)
    return v * t * B * X / S2, v


def exact(t: Tensor) -> tuple[Tensor, Tensor]:
    """Return E_t and V_t of l: a constant less a scaled non-central χ²."""
    m, v = tempered(t)
    misfit = X - B * m
    mean = -0.5 * math.log(2 * math.pi * S2) - (misfit**2 + B * B * v) / (2 * S2)
    variance = ((B * B * v) ** 2 / 2 + misfit**2 * B * B * v) / S2**2
    return mean, variance


def temperatures(count: int, power: float) -> Tensor:
    return torch.tensor(ladder(count, power), dtype=torch.float64)


def test_the_ladder_reaches_both_ends() -> None:
    assert ladder(4, 2.0) == [0.0, 1 / 16, 1 / 4, 9 / 16, 1.0]
    for count, power in ((1, 1.0), (10, 5.0), (7, 3.3)):
        t = ladder(count, power)
        assert (t[0], t[-1], len(t)) == (0.0, 1.0, count + 1)
        assert trapezium_weights(torch.tensor(t)).sum() == pytest.approx(1)


@pytest.mark.check("catalogue 11", "The formulas of E_t and V_t match draws.")
def test_the_formulas_of_e_and_v_are_those_of_draws() -> None:
    t = temperatures(4, 3)
    m, v = tempered(t)
    generator = torch.Generator().manual_seed(0)
    runs = torch.randn(20, 4000, 5, dtype=torch.float64, generator=generator) * v.sqrt() + m
    likely = -0.5 * math.log(2 * math.pi * S2) - (X - B * runs).square() / (2 * S2)
    for found, truth in zip((likely.mean(1), likely.var(1)), exact(t), strict=True):
        error = found.std(0) / 20**0.5
        assert ((found.mean(0) - truth).abs() < 4 * error).all()


@pytest.mark.check("whole 5", "E_t increases with t.")
@pytest.mark.check("catalogue 11", "dE_t/dt = V_t.")
def test_the_slope_of_e_is_v_so_it_increases() -> None:
    t, step = torch.linspace(0.01, 0.99, 50, dtype=torch.float64), 1e-5
    slope = (exact(t + step)[0] - exact(t - step)[0]) / (2 * step)
    torch.testing.assert_close(slope, exact(t)[1], rtol=1e-6, atol=0)
    assert (exact(temperatures(20, 3))[0].diff() > 0).all()


@pytest.mark.check("catalogue 11", "Trapezium errors match the table, plain and corrected.")
@pytest.mark.parametrize(
    ("count", "power", "plain", "corrected"),
    [(10, 1, -0.209, 0.052), (10, 3, -0.046, 0.0015), (10, 5, -0.078, 0.0045), (20, 3, -0.0115, 0.0001)],
)
def test_errors_of_the_two_rules_with_exact_moments(
    count: int, power: float, plain: float, corrected: float
) -> None:
    assert pytest.approx(-1.982, abs=5e-4) == LOG_P
    t = temperatures(count, power)
    mean, variance = exact(t)
    assert float(trapezium(t, mean)) - LOG_P == pytest.approx(plain, abs=1e-3)
    assert float(corrected_trapezium(t, mean, variance)) - LOG_P == pytest.approx(corrected, abs=5e-4)


def test_neighbouring_power_posteriors_diverge_by_about_the_proxy() -> None:
    """KL(p_i, p_{i+1}) + KL(p_{i+1}, p_i) = Δt (E_{i+1} − E_i), which tends to Δt² V_i."""
    t = temperatures(400, 1)
    mean, variance = exact(t)
    both_ways = t.diff() * mean.diff()
    torch.testing.assert_close(adjacent_kl(t, variance)[20:], both_ways[20:], rtol=0.1, atol=0)


def test_falls_are_counted_in_their_own_errors() -> None:
    error = torch.full((2, 4), 3.0).double()
    mean = torch.tensor([[0.0, 1.0, 2.0, 3.0], [0.0, 30.0, 5.0, 40.0]]).double()
    torch.testing.assert_close(largest_fall(mean, error), torch.tensor([0.0, 25 / 18**0.5]).double())


def test_steps_follow_the_curvature() -> None:
    etas = rung_etas([0.0, 0.5, 1.0], 0.08, 0.005)
    assert etas == pytest.approx([0.08, 2 / (1 / 0.08 + 1 / 0.005), 0.005])


@pytest.mark.parametrize("odd", [False, True])
def test_exchange_swaps_pairs_and_keeps_every_state(odd: bool) -> None:
    t = temperatures(4, 1)
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(2, 5, 6, 3, dtype=torch.float64, generator=generator)
    likely = 30 * torch.randn(2, 5, 6, dtype=torch.float64, generator=generator)
    uniform = torch.rand(2, pairs_of(5, odd), 6, dtype=torch.float64, generator=generator)
    swapped, accepted = swap_neighbours(t, states, likely, uniform, odd)
    assert accepted.any() and not accepted.all()
    for member in range(2):
        for chain in range(6):
            order = list(range(5))
            for pair in range(uniform.shape[1]):
                low = 2 * pair + odd
                fall = likely[member, low, chain] - likely[member, low + 1, chain]
                gain = float((t[low + 1] - t[low]) * fall)
                taken = float(uniform[member, pair, chain]) < math.exp(min(gain, 0.0))
                assert bool(accepted[member, pair, chain]) == taken
                if taken:
                    order[low], order[low + 1] = order[low + 1], order[low]
            assert torch.equal(swapped[member, :, chain], states[member, order, chain])


@pytest.mark.check("section 12", "Replica exchange preserves the distribution at every temperature.")
def test_exchange_leaves_the_joint_law_as_it_is() -> None:
    """Exact draws at every temperature stay so: mean and variance of each rung after many swaps."""
    t = temperatures(4, 2)
    m, v = tempered(t)
    generator = torch.Generator().manual_seed(2)
    states = torch.randn(20, 5, 2000, 1, dtype=torch.float64, generator=generator)
    states = states * v.sqrt()[:, None, None] + m[:, None, None]
    for turn in range(20):
        likely = -(X - B * states.squeeze(-1)).square() / (2 * S2)
        uniform = torch.rand(20, 2, 2000, dtype=torch.float64, generator=generator)
        states, accepted = swap_neighbours(t, states, likely, uniform, bool(turn % 2))
        assert 0.1 < accepted.double().mean() < 0.9
    for found, truth in ((states.mean(2).squeeze(-1), m), (states.var(2).squeeze(-1), v)):
        error = found.std(0) / 20**0.5
        assert ((found.mean(0) - truth).abs() < 4 * error).all()
