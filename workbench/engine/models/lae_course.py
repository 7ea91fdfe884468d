"""The course project's chain over W, as its code had it: neither Langevin dynamics nor Metropolis–Hastings.

Kept so that its tables can be explained by running it. Two departures from Algorithm 2 are in here:

    W' = W − η ∇V(W) + √(2η/n) ξ,    V summed over the n images of a batch

The drift is that of the summed energy, the noise that of the mean energy. As dynamics that is a chain at
temperature 1/n, close to gradient descent. Its accept step takes the reverse proposal to be centred on
W − η ∇V(W') where it should be W' − η ∇V(W'), so that what it leaves invariant is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from workbench.engine.samplers.langevin import Decision, Point, per_member, propose, select


def course_transition(
    evaluate: Callable[[Tensor], Point],
    current: Point,
    eta: Tensor,
    noise: Tensor,
    uniform: Tensor,
    *,
    metropolis: bool = False,
) -> tuple[Point, Decision]:
    """Do one transition of the course project's chain; arguments as of `samplers.langevin.transition`."""
    images = current.energies.shape[1]
    proposed = evaluate(propose(current, eta, noise / math.sqrt(images)))
    ratio = course_log_ratio(current, proposed, eta)
    accepted = uniform.double().log() < ratio  # not a number: refused
    probability = torch.where(ratio.isnan(), 0.0, ratio.clamp(max=0.0).exp())
    kept = select(accepted, proposed, current) if metropolis else proposed
    return kept, Decision(accepted, probability, ratio)


def course_log_ratio(current: Point, proposed: Point, eta: Tensor) -> Tensor:
    """Return the project's log ratio [S], in float64, with its wrong centre of the reverse proposal."""
    images = current.energies.shape[1]
    step = per_member(eta.double(), current.position)
    here, there = current.gradient.double(), proposed.gradient.double()
    forth = proposed.position.double() - current.position.double() + step * here
    back = step * there  # W − (W − η ∇V(W'))
    fall = (current.energies.double() - proposed.energies.double()).sum(1)
    spread = 4 * eta.double() / images
    return fall - (back.flatten(1).square().sum(1) - forth.flatten(1).square().sum(1)) / spread
