"""Gaussian mixtures over codes: fitted with scikit-learn per member, drawn from and weighed stacked.

EM runs on codes standardised per dimension, with a small multiple of the trace added to every covariance:
no component collapses onto a point, and the scale that an autoencoder happens to choose plays no part.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from workbench.engine.gaussians import LOG_2PI
from workbench.engine.streams import Streams

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

RIDGE = 1e-6  # added to a covariance's diagonal, times the trace of the codes' covariance
HELD_OUT = 0.2  # share of the codes that decides the number of components
LONGEST = 500  # EM iterations of one fit
# EM ends when an iteration gains less, in nats per code: scikit-learn's own 1e-3 leaves the weights of two
# overlapping clouds 0.02 off
TOLERANCE, ROUGH = 1e-5, 1e-3


def fit(
    codes: np.ndarray, components: int, restarts: int, seed: int, tolerance: float = TOLERANCE
) -> GaussianMixture:
    """Return the best of `restarts` mixtures with full covariances fitted to standardised codes [N, d].

    EM starts from k-means clusters, whose own start is k-means++.
    """
    # scikit-learn takes 0.5 s to load, and only this family needs it
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture  # as above

    mixture = GaussianMixture(
        min(components, len(codes)),
        reg_covar=RIDGE * float(codes.var(0).sum()),
        init_params="kmeans",
        n_init=restarts,
        tol=tolerance,
        max_iter=LONGEST,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fit cut short is still a mixture
        return mixture.fit(codes)


def choose(
    codes: np.ndarray,
    candidates: Sequence[int],
    rule: Literal["held-out", "bic"],
    restarts: int,
    seed: int,
    tolerance: float = TOLERANCE,
) -> GaussianMixture:
    """Return the mixture whose number of components the rule prefers, fitted to all codes [N, d].

    "bic": the lowest Bayesian information criterion. "held-out": the highest log-likelihood of a
    random fifth, under mixtures fitted to the rest.
    """
    if len(candidates) == 1:
        return fit(codes, candidates[0], restarts, seed, tolerance)
    if rule == "bic":
        fits = [fit(codes, number, restarts, seed, tolerance) for number in candidates]
        return min(fits, key=lambda mixture: float(mixture.bic(codes)))
    order = np.random.default_rng(seed).permutation(len(codes))
    held_out, rest = np.split(codes[order], [max(1, round(HELD_OUT * len(codes)))])
    scores = [fit(rest, number, restarts, seed, tolerance).score(held_out) for number in candidates]
    return fit(codes, candidates[int(np.argmax(scores))], restarts, seed, tolerance)


class Mixtures(nn.Module):
    """S mixtures of up to K Gaussians in d dimensions; N(0, I) until fitted. All state is in buffers."""

    weights: Tensor  # [S, K]; 0 for a component that a member does not use
    means: Tensor  # [S, K, d], of standardised codes
    factors: Tensor  # [S, K, d, d]: lower-triangular factors of the covariances
    shift: Tensor  # [S, 1, d]: mean of the codes
    scale: Tensor  # [S, 1, d]: their standard deviation

    def __init__(self, components: int, dimensions: int, streams: Streams) -> None:
        super().__init__()
        members = len(streams.seeds)
        weights = torch.zeros(members, components, device=streams.device, dtype=streams.dtype)
        weights[:, 0] = 1.0
        eye = torch.eye(dimensions, device=streams.device, dtype=streams.dtype)
        self.register_buffer("weights", weights)
        self.register_buffer("means", weights.new_zeros(members, components, dimensions))
        self.register_buffer("factors", eye.repeat(members, components, 1, 1))
        self.register_buffer("shift", weights.new_zeros(members, 1, dimensions))
        self.register_buffer("scale", weights.new_ones(members, 1, dimensions))

    def refit(
        self,
        codes: Tensor,
        candidates: Sequence[int],
        rule: Literal["held-out", "bic"],
        restarts: int,
        seeds: Sequence[int],
        tolerance: float = TOLERANCE,
    ) -> None:
        """Fit every member anew to its codes [S, N, d]; one with a code that is not finite becomes NaN."""
        self.shift.copy_(codes.mean(1, keepdim=True))
        # a dead dimension has no spread to divide by: it stays as it is
        self.scale.copy_(codes.std(1, keepdim=True, unbiased=False).clamp_min(1e-12))
        standard = ((codes - self.shift) / self.scale).double().cpu().numpy()
        for member, (own, seed) in enumerate(zip(standard, seeds, strict=True)):
            if np.isfinite(own).all():
                self._store(member, choose(own, candidates, rule, restarts, seed % 2**32, tolerance))
            else:
                for buffer in (self.weights, self.means, self.factors):
                    buffer[member] = torch.nan

    def _store(self, member: int, mixture: GaussianMixture) -> None:
        used = len(mixture.weights_)
        self.weights[member] = 0.0
        for buffer, values in (
            (self.weights, mixture.weights_),
            (self.means, mixture.means_),
            (self.factors, np.linalg.cholesky(mixture.covariances_)),
        ):
            buffer[member, :used] = torch.from_numpy(values).to(buffer)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log-density [S, B] at codes z [S, B, d], in the codes' own units."""
        centred = (z - self.shift) / self.scale
        offset = centred[:, None] - self.means[:, :, None]  # [S, K, B, d]
        white = torch.linalg.solve_triangular(self.factors, offset.transpose(-1, -2), upper=False)
        log_det = self.factors.diagonal(dim1=-2, dim2=-1).log().sum(-1) + 0.5 * z.shape[-1] * LOG_2PI
        each = self.weights.log() - log_det
        standard = (each[..., None] - 0.5 * white.square().sum(-2)).logsumexp(1)
        return standard - self.scale.log().sum(-1)

    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return draws [S, count, d] in the codes' own units."""
        cumulative = self.weights.cumsum(1)
        point = streams.uniform("component", count) * cumulative[:, -1:]  # rounding: the sum is 1 but nearly
        which = torch.searchsorted(cumulative, point, right=True).clamp_max(self.weights.shape[1] - 1)
        noise = streams.normal("sample", count, self.means.shape[-1])
        member = torch.arange(len(which), device=which.device)[:, None]
        drawn = (self.factors[member, which] @ noise.unsqueeze(-1)).squeeze(-1) + self.means[member, which]
        return self.shift + self.scale * drawn
