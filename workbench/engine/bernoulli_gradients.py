"""Gradient estimators for Bernoulli latents: five ways past a draw that has no derivative.

Shapes: S members, L draws, B examples, Q bits. `logits` [S, B, Q] are those of q(z|x), θ = sigmoid(logits).
`log_px` maps z [S, L, B, Q] to log p(x|z) [S, L, B]. `uniform` [S, L, B, Q] on [0, 1) is all the noise.

Each returns an `Estimate` whose `objective` is to be differentiated: its gradient with respect to the logits
and to whatever `log_px` depends on estimates the gradient of E_q[log p(x|z)] (`vimco`: of its own bound).
The value of `objective` means nothing where it contains a score-function term.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LOG_2 = math.log(2.0)
EDGE = 1e-6  # uniforms are kept this far from 0 and 1, where their logit is infinite

LogLikelihood = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Estimate:
    """What to differentiate [S, B], and the mean log p(x|z) over the draws it used [S, B], detached.

    `bound` [S, B] is the L-sample bound on log p(x), of `vimco` alone.
    """

    objective: Tensor
    log_px: Tensor
    bound: Tensor | None = None


def bernoulli_kl(logits: Tensor) -> Tensor:
    """Return KL(Ber(θ) || Ber(½)) [S, B] in nats, summed over the bits: Σ θ l − softplus(l) + ln 2."""
    return (torch.sigmoid(logits) * logits - functional.softplus(logits) + LOG_2).sum(-1)


def log_q(logits: Tensor, z: Tensor) -> Tensor:
    """Return log q(z|x), summed over the bits, for z of 0 and 1 whose shape broadcasts with the logits'."""
    return (z * logits - functional.softplus(logits)).sum(-1)


def hard(logits: Tensor, uniform: Tensor) -> Tensor:
    """Return draws z of 0 and 1 from q(z|x), [S, L, B, Q]."""
    return (uniform < torch.sigmoid(logits)[:, None]).to(logits.dtype).detach()


def concrete(logits: Tensor, log_px: LogLikelihood, uniform: Tensor, temperature: Tensor | float) -> Estimate:
    """Binary Concrete (Maddison, Mnih and Teh 2017; Jang, Gu and Poole 2017): biased at any τ > 0.

    z = sigmoid((l + logit u) / τ) lies inside (0, 1); `log_px` sees these relaxed bits. τ may differ
    between members ([S]).
    """
    if isinstance(temperature, Tensor):
        temperature = temperature.view(-1, 1, 1, 1)
    noise = torch.logit(uniform, eps=EDGE)
    value = log_px(torch.sigmoid((logits[:, None] + noise) / temperature)).mean(1)
    return Estimate(value, value.detach())


def straight_through(logits: Tensor, log_px: LogLikelihood, uniform: Tensor) -> Estimate:
    """Hard draws forward, the derivative of θ backward (Bengio, Léonard and Courville 2013): biased."""
    theta = torch.sigmoid(logits)[:, None]
    z = hard(logits, uniform) + (theta - theta.detach())
    value = log_px(z).mean(1)
    return Estimate(value, value.detach())


def rloo(logits: Tensor, log_px: LogLikelihood, uniform: Tensor) -> Estimate:
    """REINFORCE, each of L ≥ 2 draws against the mean of the others (Kool et al. 2019): unbiased."""
    z = hard(logits, uniform)
    value = log_px(z)
    draws = value.shape[1]
    reward = value.detach()
    advantage = (reward - reward.mean(1, keepdim=True)) * (draws / (draws - 1))  # f_l − mean of the others
    score = advantage * log_q(logits[:, None], z)
    return Estimate((value + score).mean(1), reward.mean(1))


def disarm(logits: Tensor, log_px: LogLikelihood, uniform: Tensor) -> Estimate:
    """DisARM (Dong, Mnih and Tucker 2020), also known as U2G (Yin et al. 2020): unbiased.

    Antithetic pairs b = [1 − u < θ], b̃ = [u < θ]: L uniforms give 2 L draws. Per bit the estimate is
    ½ (f(b) − f(b̃)) (−1)^b̃ [b ≠ b̃] sigmoid(|l|), averaged over the pairs.
    """
    first, second = hard(logits, 1.0 - uniform), hard(logits, uniform)
    value = log_px(torch.cat([first, second], 1))
    reward = value.detach()
    left, right = reward.chunk(2, 1)
    sign = first - second  # (−1)^b̃ where the pair differs, 0 elsewhere
    slope = 0.5 * (left - right)[..., None] * sign * torch.sigmoid(logits.detach().abs())[:, None]
    score = (slope.mean(1) * logits).sum(-1)
    return Estimate(value.mean(1) + score, reward.mean(1))


def vimco(logits: Tensor, log_px: LogLikelihood, uniform: Tensor) -> Estimate:
    """VIMCO (Mnih and Rezende 2016): unbiased for the bound log (1/L) Σ p(x, z_l) / q(z_l|x), L ≥ 2.

    A draw is credited with the bound minus what it would be with that draw's weight replaced by the
    geometric mean of the others. The KL is inside the bound: none is to be added.
    """
    z = hard(logits, uniform)
    log_likelihood = log_px(z)
    density = log_q(logits[:, None], z)
    log_weight = log_likelihood - z.shape[-1] * LOG_2 - density
    bound = log_weight.logsumexp(1) - math.log(z.shape[1])
    credit = bound.detach()[:, None] - _bounds_without(log_weight.detach())
    return Estimate(bound + (credit * density).sum(1), log_likelihood.detach().mean(1), bound.detach())


def _bounds_without(log_weight: Tensor) -> Tensor:
    """Return the bound [S, L, B] with each draw's log weight replaced by the mean of the others'."""
    draws = log_weight.shape[1]
    mean_of_others = (log_weight.sum(1, keepdim=True) - log_weight) / (draws - 1)
    swapped = log_weight[:, None].expand(-1, draws, -1, -1)  # [S, replaced, L, B]
    own = torch.eye(draws, dtype=log_weight.dtype, device=log_weight.device)[None, :, :, None]
    swapped = swapped * (1 - own) + mean_of_others[:, :, None] * own
    return swapped.logsumexp(2) - math.log(draws)
