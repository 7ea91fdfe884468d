"""Densities and divergences of Gaussians with diagonal covariance."""

from __future__ import annotations

import math

from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def log_standard_normal(z: Tensor) -> Tensor:
    """Return log N(z; 0, I) [...] of z [..., d]."""
    return -0.5 * (z.square() + LOG_2PI).sum(-1)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, σ²) || N(0, I)) [S, B] in nats (Kingma and Welling 2014, app. B)."""
    return gaussian_kls(mean, log_variance).sum(-1)


def gaussian_kls(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the part of each dimension in KL(N(mean, σ²) || N(0, I)), [S, B, d] in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)
