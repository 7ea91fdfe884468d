"""Langevin chains over stacked states: ULA and MALA, with one step-size convention (η) inside.

A chain targets the density proportional to exp(−U(x)) and moves by

    x' = x − η ∇U(x) + √(2η) ξ,    ξ ~ N(0, I).

Other conventions are converted where settings are read (`eta_of_s`).
S chains (one per seed) move together: every tensor has a leading axis of size S.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from workbench.engine.streams import Streams

# Noise for many steps is drawn at once; this bounds what one draw holds per member.
NOISE_BLOCK = 1 << 20


def eta_of_s(s: float) -> float:
    """Return η of the convention z' = z − (s²/2)∇U + s ξ (official code of Pang et al. 2020)."""
    return s * s / 2


@dataclass(frozen=True)
class Point:
    """A state with all that one evaluation of it gave, so that no state is ever evaluated twice.

    position [S, ...]; energies [S, n], the terms whose sum over n is U; gradient of U, shaped like
    position; extras: further tensors [S, ...] that belong to the state, such as gradients of weights.
    """

    position: Tensor
    energies: Tensor
    gradient: Tensor
    extras: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What became of one proposal: accepted [S] bool, probability min(1, r) [S], log r [S] (float64)."""

    accepted: Tensor
    probability: Tensor
    log_ratio: Tensor


def per_member(values: Tensor, like: Tensor) -> Tensor:
    """Return values [S] with as many trailing axes of size 1 as it takes to broadcast against `like`."""
    return values.reshape(-1, *(1,) * (like.dim() - 1))


def propose(current: Point, eta: Tensor, noise: Tensor) -> Tensor:
    """Return the Langevin proposal of `current` for steps eta [S] and standard normal noise."""
    step = per_member(eta, noise)
    return current.position - step * current.gradient + (2 * step).sqrt() * noise


def log_ratio(current: Point, proposed: Point, eta: Tensor) -> Tensor:
    """Return log r [S] of the Metropolis–Hastings rule, in float64 (Taniguchi et al. 2022, Algorithm 2).

    log r = U(x) − U(x') + log q(x|x') − log q(x'|x). With Δ = x' − x the two Gaussian proposals
    leave ½Δ·(∇U + ∇U') − (η/4)(‖∇U'‖² − ‖∇U‖²): the large ‖Δ‖² in both has cancelled on paper
    instead of in floating point. Energies are subtracted term by term before they are summed.
    """
    fall = (current.energies.double() - proposed.energies.double()).sum(1)
    move = (proposed.position.double() - current.position.double()).flatten(1)
    here, there = current.gradient.double().flatten(1), proposed.gradient.double().flatten(1)
    drift = 0.5 * (move * (here + there)).sum(1)
    return fall + drift - eta.double() / 4 * (there.square().sum(1) - here.square().sum(1))


def transition(
    evaluate: Callable[[Tensor], Point],
    current: Point,
    eta: Tensor,
    noise: Tensor,
    uniform: Tensor,
    *,
    metropolis: bool = True,
) -> tuple[Point, Decision]:
    """Do one Langevin transition and evaluate its proposal, once.

    eta [S], noise like position, uniform [S] on [0, 1). With `metropolis` the proposal is kept with
    probability min(1, r) (MALA), else always (ULA); the decision has r in both cases. A ratio
    that is not a number rejects. Nothing is read back from the device.
    """
    proposed = evaluate(propose(current, eta, noise))
    ratio = log_ratio(current, proposed, eta)
    probability = torch.where(ratio.isnan(), 0.0, ratio.clamp(max=0.0).exp())
    accepted = uniform.double().log() < ratio
    decision = Decision(accepted, probability, ratio)
    if not metropolis:
        return proposed, decision
    return select(accepted, proposed, current), decision


P = TypeVar("P")


def select(accepted: Tensor, proposed: P, current: P) -> P:
    """Return the tensors of point `proposed` where accepted [S, …], else those of `current`."""

    def pick(new: Any, old: Any) -> Any:
        if not isinstance(new, Tensor):
            return tuple(pick(*pair) for pair in zip(new, old, strict=True))
        return torch.where(accepted.view(*accepted.shape, *(1,) * (new.dim() - accepted.dim())), new, old)

    return type(proposed)(*pick(vars(proposed).values(), vars(current).values()))


def adapted(log_eta: Tensor, probability: Tensor, target: float, rate: float) -> Tensor:
    """Return log η [S] moved by rate · (acceptance − target): larger steps when too many are accepted."""
    return log_eta + rate * (probability.to(log_eta.dtype) - target)


def ula(
    gradient: Callable[[Tensor], Tensor],
    start: Tensor,
    eta: float | Tensor,
    noises: Iterable[Tensor],
    *,
    clamp: float = 0.0,
) -> Iterator[Tensor]:
    """Yield the states of an unadjusted chain from `start`, one per noise; |x| ≤ clamp if that is not 0.

    A tensor `eta` that broadcasts against the state gives every chain a step of its own.
    """
    state = start
    if isinstance(eta, Tensor):
        drift, spread = -eta, (2 * eta).sqrt()
    else:
        scale = math.sqrt(2 * eta)
    for noise in noises:
        if isinstance(eta, Tensor):
            state = torch.addcmul(state, gradient(state), drift).addcmul_(noise, spread)
        else:
            state = torch.add(state, gradient(state), alpha=-eta).add_(noise, alpha=scale)
        if clamp:
            state = state.clamp_(-clamp, clamp)
        yield state


def last(states: Iterable[Tensor]) -> Tensor:
    """Return the last state of a chain."""
    state = None
    for state in states:  # noqa: B007 - only the end is wanted
        pass
    if state is None:
        raise ValueError("a chain needs at least one step")
    return state


def noise_steps(streams: Streams, purpose: str, steps: int, *shape: int) -> Iterator[Tensor]:
    """Yield `steps` standard normals [S, *shape], drawn many at a time (few calls, bounded memory)."""
    block = max(1, min(steps, NOISE_BLOCK // max(1, math.prod(shape))))
    for done in range(0, steps, block):
        drawn = streams.normal(purpose, min(block, steps - done), *shape)
        yield from drawn.unbind(1)
