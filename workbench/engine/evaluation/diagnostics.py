"""Have chains converged, and how many independent draws are they worth: split R-hat, ESS, MCSE.

After Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021). Draws come as [C, N, *event]: C chains
of N draws, as in ArviZ. Chains are split in halves first, so that a drift within one shows too. A
chain that never moved gives NaN, not a reassuring 1. All of it presumes chains meant to be
stationary: short-run chains are not, and none of these numbers applies to them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

TAILS = (0.05, 0.95)


def rank_rhat(draws: Tensor) -> Tensor:
    """Return the rank-normalised split R-hat [*event]: the larger of the bulk's and the folded one (§4).

    The folded one compares spreads, |draw − median|. Converged: below 1.01. NaN for a constant chain.

    Raises:
        ValueError: for chains of fewer than 8 draws.
    """
    halves = _split(draws)
    # not torch.median, which takes the lower of the two in the middle
    centre = halves.flatten(0, 1).quantile(0.5, dim=0)
    bulk, folded = (_rhat(_rank_normal(part)) for part in (halves, (halves - centre).abs()))
    return _guarded(torch.maximum(bulk, folded), halves)


def ess_bulk(draws: Tensor) -> Tensor:
    """Return the effective number of draws [*event] for the centre, by rank-normalised split chains."""
    halves = _split(draws)
    return _guarded(_ess(_rank_normal(halves)), halves)


def ess_tail(draws: Tensor) -> Tensor:
    """Return the smaller effective number of draws [*event] for the 5 % and the 95 % quantile."""
    halves = _split(draws)
    found = []
    for tail in TAILS:
        bound = halves.flatten(0, 1).quantile(tail, dim=0)
        found.append(_ess((halves <= bound).double()))
    return _guarded(torch.minimum(*found), halves)


def ess_mean(draws: Tensor) -> Tensor:
    """Return the effective number of draws [*event] for the mean, by split chains as they are."""
    halves = _split(draws)
    return _guarded(_ess(halves), halves)


def _split(draws: Tensor) -> Tensor:
    """Return both halves of each chain as chains [2C, N // 2, *event]; an odd middle draw is dropped."""
    half = draws.shape[1] // 2
    if half < 4:
        raise ValueError(f"diagnostics need chains of at least 8 draws, these have {draws.shape[1]}")
    return torch.cat([draws[:, :half], draws[:, -half:]]).double()


def _guarded(values: Tensor, halves: Tensor) -> Tensor:
    """Put NaN where a chain is constant or not finite."""
    stuck = (halves == halves[:, :1]).all(1).any(0)
    odd = ~halves.isfinite().all(0).all(0)
    return values.masked_fill(stuck | odd, math.nan)


def _rank_normal(chains: Tensor) -> Tensor:
    """Replace draws by normal scores of their ranks among all chains (ties share their mean rank)."""
    flat = chains.reshape(chains.shape[0] * chains.shape[1], -1)
    count = flat.shape[0]
    scores = torch.empty_like(flat)
    for column in range(flat.shape[1]):
        _, place, repeats = flat[:, column].unique(return_inverse=True, return_counts=True)
        last = repeats.cumsum(0).double()
        rank = last - (repeats.double() - 1) / 2
        scores[:, column] = torch.special.ndtri((rank - 0.375) / (count + 0.25))[place]
    return scores.view(chains.shape)


def _rhat(chains: Tensor) -> Tensor:
    """Return the classical R-hat [*event] of chains [C, N, *event]."""
    count = chains.shape[1]
    within = chains.var(1).mean(0)
    between = count * chains.mean(1).var(0)
    return ((count - 1) / count + between / (count * within)).sqrt()


def _ess(chains: Tensor) -> Tensor:
    """Return the effective number of draws [*event], autocorrelations cut as Geyer (1992) advises.

    Pairs of neighbouring autocorrelations are summed while they are positive, and none counts more
    than the one before it. At most N log10 N, as antithetic chains would otherwise claim infinity.
    """
    chain_count, count = chains.shape[:2]
    centred = chains - chains.mean(1, keepdim=True)
    spectrum = torch.fft.rfft(centred, n=2 * count, dim=1)
    covariance = torch.fft.irfft(spectrum.abs().square(), n=2 * count, dim=1)[:, :count] / count
    within = (covariance[:, 0] * count / (count - 1)).mean(0)
    pooled = within * (count - 1) / count
    if chain_count > 1:
        pooled = pooled + chains.mean(1).var(0)
    correlation = 1 - (within - covariance.mean(0)) / pooled  # [N, *event]
    correlation[0] = 1
    even = count - count % 2
    pairs = correlation[:even].unflatten(0, (-1, 2)).sum(1)
    positive = (pairs > 0).long().cumprod(0).bool()
    pairs = torch.where(positive, pairs, 0.0).cummin(0).values
    total = chain_count * count
    # the first correlation after the last pair still counts, if it is positive (Stan, ArviZ)
    ended = positive.sum(0, keepdim=True)
    after = correlation.gather(0, (2 * ended).clamp(max=count - 1)).squeeze(0).clamp(min=0)
    time = 2 * pairs.sum(0) - 1 + after
    return total / time.clamp(min=1 / math.log10(total))
