"""Hamiltonian Monte Carlo over many chains at once: leapfrog, accept step, and a step size that adapts.

A chain targets the density proportional to exp(ℓ(z)). In units of a scale s per coordinate it moves
with momenta p ~ N(0, I) through L leapfrog steps of size ε (Neal 2011, §2.3 and §4.1):

    p ← p + (ε/2) s ∇ℓ(z);   z ← z + ε s p,  p ← p + ε s ∇ℓ(z)  in turn;   p ← p + (ε/2) s ∇ℓ(z)

and keeps the end with probability min(1, exp(ℓ(z') − ½‖p'‖² − ℓ(z) + ½‖p‖²)). All leading axes are
chains; every one of them accepts, rejects and steps on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.engine.samplers.langevin import adapted, select
from workbench.engine.streams import Streams

TARGET = 0.65  # acceptance at which HMC moves farthest per gradient (Neal 2011, §4.4; Beskos et al. 2013)
WARMUP_RATE = 0.1  # of log ε per transition and unit of acceptance
JITTER = 0.2  # share by which ε varies: a fixed trajectory can return to where it began


@dataclass(frozen=True)
class Point:
    """A state with what one evaluation of it gave, so that no state is ever evaluated twice.

    position [..., d]; log_density ℓ [...] in float64; gradient ∇ℓ [..., d]; extras: further tensors
    of the state with the same leading axes.
    """

    position: Tensor
    log_density: Tensor
    gradient: Tensor
    extras: tuple[Tensor, ...] = ()


Evaluate = Callable[[Tensor], Point]


def value_and_gradient(log_density: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    """Return ℓ(z) [...] in float64 and ∇ℓ(z) [..., d] of a function that autograd can follow."""
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        value = log_density(leaf)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach().double(), gradient


def evaluator(log_density: Callable[[Tensor], Tensor]) -> Evaluate:
    """Return the `Evaluate` of a function ℓ: [..., d] → [...]."""

    def evaluate(z: Tensor) -> Point:
        return Point(z, *value_and_gradient(log_density, z))

    return evaluate


def transition(
    evaluate: Evaluate,
    gradient: Callable[[Tensor], Tensor],
    current: Point,
    step: Tensor,
    noise: Tensor,
    uniform: Tensor,
    leapfrogs: int,
) -> tuple[Point, Tensor]:
    """Do one transition; return the new point and the acceptance probability [...].

    step is ε·s, broadcastable against position [..., d]; noise, standard normal like position; uniform
    [...] on [0, 1). `gradient` gives ∇ℓ for the steps in between, whose ℓ is not needed. It may keep no
    reference to its argument, which is overwritten. A log ratio that is not a number rejects; +∞ accepts, so
    that a chain leaves a start of zero density.
    """
    p = torch.addcmul(noise, step, current.gradient, value=0.5)
    z = torch.addcmul(current.position, step, p)
    for _ in range(leapfrogs - 1):
        p.addcmul_(step, gradient(z))
        z.addcmul_(step, p)
    proposed = evaluate(z)
    p.addcmul_(step, proposed.gradient, value=0.5)
    kinetic = 0.5 * (noise.double().square().sum(-1) - p.double().square().sum(-1))
    log_ratio = proposed.log_density - current.log_density + kinetic
    log_ratio = log_ratio.masked_fill(log_ratio.isnan(), -torch.inf)
    accepted = uniform.double().log() < log_ratio
    return select(accepted, proposed, current), log_ratio.clamp(max=0.0).exp()


@dataclass(frozen=True)
class Chains:
    """What a run of chains left: draws [S, C, n, d], and per chain its acceptance and step ε [S, C]."""

    draws: Tensor
    acceptance: Tensor
    step: Tensor


def run_chains(
    log_density: Callable[[Tensor], Tensor],
    start: Tensor,
    scale: Tensor,
    draws: int,
    warmup: int,
    leapfrogs: int,
    streams: Streams,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Chains:
    """Run chains from `start` [S, C, d]; ε adapts to an acceptance of 0.65 in `warmup`, then stays.

    scale, broadcastable against start, is the expected spread of each coordinate. Every kept draw
    follows one transition; ε varies by ±20 % from one to the next. `on_progress` takes the share done.
    """
    evaluate = evaluator(log_density)
    current = evaluate(start)
    log_step = torch.full(start.shape[:-1], -1.0, dtype=start.dtype, device=start.device)
    kept, total = [], torch.zeros(start.shape[:-1], dtype=torch.float64, device=start.device)
    for turn in range(warmup + draws):
        noise = streams.normal("momentum", *start.shape[1:])
        uniform, jitter = streams.uniform("accept", 2, *start.shape[1:-1]).unbind(1)
        size = log_step.exp() * (1 + JITTER * (2 * jitter - 1))
        step = size.unsqueeze(-1) * scale
        current, probability = transition(
            evaluate, lambda z: evaluate(z).gradient, current, step, noise, uniform, leapfrogs
        )
        on_progress((turn + 1) / (warmup + draws))
        if turn < warmup:
            log_step = adapted(log_step, probability, TARGET, WARMUP_RATE)
            continue
        total += probability
        kept.append(current.position)
    return Chains(torch.stack(kept, -2), total / draws, log_step.exp())
