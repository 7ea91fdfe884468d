"""Thermodynamic integration: log p(x) as an integral over temperatures, its estimators and their errors.

The power posterior at temperature t is p_t(z) ∝ p(x|z)^t p(z), from the prior (t = 0) to the posterior
(t = 1). With l = log p(x|z) and E_t, V_t its mean and variance under p_t,

    log p(x) = ∫₀¹ E_t dt,        dE_t/dt = V_t ≥ 0,

so an estimate of E_t that falls with t comes from chains that have not converged. Tensors end in an
axis of temperatures [..., N + 1], draws lie before it where there are any.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

LIMIT = 4.0  # standard errors by which E_t may fall, or move, before chains count as not converged


def ladder(count: int, power: float) -> list[float]:
    """Return the temperatures (i/N)^p, i = 0 … N: both ends are exact, and p > 1 crowds them near 0."""
    return [(i / count) ** power for i in range(count + 1)]


def rung_etas(temperatures: Sequence[float], prior_eta: float, posterior_eta: float) -> list[float]:
    """Return a Langevin step η per temperature: 1/η linear in t, as the curvature of −log p_t is.

    The ends are the steps of the prior chain and of the posterior chain.
    """
    return [1 / ((1 - t) / prior_eta + t / posterior_eta) for t in temperatures]


def trapezium_weights(temperatures: Tensor) -> Tensor:
    """Return w [N + 1] with ∫ y dt ≈ Σ wᵢ yᵢ: half of the intervals on either side; they sum to 1."""
    gaps = temperatures.diff()
    none = gaps.new_zeros(1)
    return 0.5 * (torch.cat([gaps, none]) + torch.cat([none, gaps]))


def trapezium(temperatures: Tensor, mean: Tensor) -> Tensor:
    """Return ∫ E_t dt by the trapezium rule, over the last axis."""
    return (trapezium_weights(temperatures) * mean).sum(-1)


def corrected_trapezium(temperatures: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return the same less Σ Δ²/12 (V_{i+1} − V_i): E_t' = V_t gives its curvature (Friel et al. 2014)."""
    gaps = temperatures.diff()
    return trapezium(temperatures, mean) - (gaps.square() / 12 * variance.diff(dim=-1)).sum(-1)


def adjacent_kl(temperatures: Tensor, variance: Tensor) -> Tensor:
    """Return Δtᵢ² Vᵢ [..., N]: about the divergence between neighbours (both ways); aim at equal ones."""
    return temperatures.diff().square() * variance[..., :-1]


def largest_fall(mean: Tensor, error: Tensor) -> Tensor:
    """Return by how many of its standard errors E_t falls at worst between neighbours [...], at least 0.

    `error` are those of `mean`; neighbours are taken as independent.
    """
    fall = mean[..., :-1] - mean[..., 1:]
    between = (error[..., :-1].square() + error[..., 1:].square()).sqrt()
    return (fall / between.clamp_min(1e-30)).amax(-1).clamp_min(0)


def swap_neighbours(
    temperatures: Tensor, states: Tensor, log_likelihood: Tensor, uniform: Tensor, odd: bool
) -> tuple[Tensor, Tensor]:
    """Exchange states of neighbouring temperatures by the Metropolis rule (replica exchange).

    states [S, T, R, d], their l [S, T, R]; uniform [S, pairs, R] on [0, 1). The pairs are (0, 1),
    (2, 3), … or with `odd` (1, 2), (3, 4), …, so that no state is in two of them. The ratio is
    exp((t_{i+1} − t_i)(l_i − l_{i+1})). Returns the states and which pairs were accepted
    [S, pairs, R].
    """
    low = slice(int(odd), int(odd) + 2 * uniform.shape[1], 2)
    high = slice(low.start + 1, low.stop + 1, 2)
    gap = (temperatures[high] - temperatures[low])[:, None]
    accepted = uniform.log() < gap * (log_likelihood[:, low] - log_likelihood[:, high])
    swapped = states.clone()
    choose = accepted.unsqueeze(-1)
    swapped[:, low] = torch.where(choose, states[:, high], states[:, low])
    swapped[:, high] = torch.where(choose, states[:, low], states[:, high])
    return swapped, accepted


def pairs_of(count: int, odd: bool) -> int:
    """Return how many pairs `swap_neighbours` exchanges among `count` temperatures."""
    return (count - int(odd)) // 2
