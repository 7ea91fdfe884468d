"""p(x|z) over stacked tensors: what a decoder's output means, its log-probability and its mean."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.engine.streams import Streams

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
HALF_BIN = 1 / 255  # half the width of one of 256 levels on [-1, 1]
PIXEL_FLOOR = math.log(1.19e-7)  # -15.9 nats: the published clamp of a pixel's log-probability


class Likelihood(nn.Module):
    """Base: x and the decoder's output `out` are [S, B, D], with x in data units."""

    def log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        """Return log p(x|z) summed over the data dimensions, [S, B], in nats."""
        raise NotImplementedError

    def mean(self, out: Tensor) -> Tensor:
        """Return the mean of p(x|z) in data units, [S, B, D]."""
        raise NotImplementedError

    def draw(self, out: Tensor, streams: Streams, purpose: str) -> Tensor:
        """Return one x per row of `out`, [S, B, D], with noise from the stream `purpose`."""
        raise NotImplementedError

    def scale(self) -> Tensor | None:
        """Return the scale σ of each member [S] in the likelihood's units, or None if it has none."""
        return None

    def penalty(self) -> Tensor | float:
        """Return the negative log-prior [S] of the likelihood's own parameters, up to a constant."""
        return 0.0


class Bernoulli(Likelihood):
    """Independent 0/1 pixels; `out` holds logits.

    Grey x in [0, 1] are soft targets: the value is then a cross-entropy (its floor is the pixels'
    own entropy, 45.54 nats on the MNIST test set), not a log-likelihood.
    """

    def log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        return -functional.binary_cross_entropy_with_logits(out, x, reduction="none").sum(-1)

    def mean(self, out: Tensor) -> Tensor:
        return torch.sigmoid(out)

    def draw(self, out: Tensor, streams: Streams, purpose: str) -> Tensor:
        return (streams.uniform(purpose, *out.shape[1:]) < torch.sigmoid(out)).to(out.dtype)


class Gaussian(Likelihood):
    """N(out, σ² I) with its normalising constant; one σ per member, fixed or learned as log σ."""

    def __init__(self, sigma: float, learn: bool, streams: Streams) -> None:
        super().__init__()
        shape = (len(streams.seeds), 1, 1)
        log_sigma = torch.full(shape, math.log(sigma), device=streams.device, dtype=streams.dtype)
        if learn:
            self.log_sigma: Tensor = nn.Parameter(log_sigma)
        else:
            self.register_buffer("log_sigma", log_sigma)

    def log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        square = (x - out).square().sum(-1)
        log_sigma = self.log_sigma.squeeze(-1)
        return -0.5 * square * torch.exp(-2 * log_sigma) - x.shape[-1] * (log_sigma + HALF_LOG_2PI)

    def mean(self, out: Tensor) -> Tensor:
        return out

    def draw(self, out: Tensor, streams: Streams, purpose: str) -> Tensor:
        return out + self.log_sigma.exp() * streams.normal(purpose, *out.shape[1:])

    def scale(self) -> Tensor:
        return self.log_sigma.detach().exp().flatten()


class DiscretisedLogistic(Likelihood):
    """256 levels on 2x − 1: a logistic of mean `out` and scale σ, integrated over each level's bin.

    The outermost bins are open. A pixel's log-probability is cut at -15.9 nats, as published
    (Taniguchi et al. 2022, official code). The cut has a price: a pixel beyond it has zero
    gradient, so a decoder that starts far off cannot learn it back. σ = softplus(logit τ)^(-1/2)
    is learned, from 1.201 at logit τ = 0; `penalty` is the standard-logistic prior on logit τ.
    """

    def __init__(self, streams: Streams, sigma: float | None = None) -> None:
        """Start from `sigma` (None: 1.201, where logit τ is 0)."""
        super().__init__()
        logit = 0.0 if sigma is None else math.log(math.expm1(sigma**-2))
        shape = (len(streams.seeds), 1, 1)
        self.logit_tau = nn.Parameter(torch.full(shape, logit, device=streams.device, dtype=streams.dtype))

    def _sigma(self) -> Tensor:
        return functional.softplus(self.logit_tau).rsqrt()

    def log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        # σ(a) - σ(b) = σ(a) σ(-b) (1 - e^(b-a)), and a - b is the same for all pixels: no
        # difference of near-equal numbers, and an open edge bin just drops the factor it lacks.
        inverse = functional.softplus(self.logit_tau).sqrt()
        centre = (2 * x - 1 - out) * inverse
        half = HALF_BIN * inverse
        width = torch.log(-torch.expm1(-2 * half))
        above = (x > 0.5 / 255).to(x.dtype)
        below = (x < 1 - 0.5 / 255).to(x.dtype)
        pixel = below * functional.logsigmoid(centre + half) + above * functional.logsigmoid(half - centre)
        return (pixel + above * below * width).clamp_min(PIXEL_FLOOR).sum(-1)

    def mean(self, out: Tensor) -> Tensor:
        """Return the logistic's centre on [0, 1]: the open edge bins hold whatever lies outside."""
        return ((out + 1) / 2).clamp(0, 1)

    def draw(self, out: Tensor, streams: Streams, purpose: str) -> Tensor:
        noise = torch.logit(streams.uniform(purpose, *out.shape[1:]), eps=1e-7)
        grey = (out + self._sigma() * noise + 1) / 2
        return torch.round(grey.clamp(0, 1) * 255) / 255

    def scale(self) -> Tensor:
        return self._sigma().detach().flatten()

    def penalty(self) -> Tensor:
        logit = self.logit_tau.flatten()
        return logit + 2 * functional.softplus(-logit)


def make_likelihood(kind: str, streams: Streams, *, sigma: float = 1.0, learn: bool = False) -> Likelihood:
    """Return the likelihood of a settings' `likelihood` field; `sigma` and `learn` concern the Gaussian."""
    if kind == "bernoulli":
        return Bernoulli()
    if kind == "gaussian":
        return Gaussian(sigma, learn, streams)
    if kind == "discretised-logistic":
        return DiscretisedLogistic(streams)
    raise ValueError(f"unknown likelihood {kind!r}")
