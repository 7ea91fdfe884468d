"""The course project's chain over W, as its code had it: neither Langevin dynamics nor Metropolis–Hastings.

Kept so that its tables can be explained by running it. With `noise = "course"` two departures from
Algorithm 2 (lae.py) are in here:

    W' = W − η ∇V(W) + √(2η/n) ξ,    V summed over the n images of a batch

The drift is that of the summed energy, the noise that of the mean energy. As dynamics that is a chain at
temperature 1/n, close to gradient descent. Its accept step takes the reverse proposal to be centred on
W − η ∇V(W') where it should be W' − η ∇V(W'), so that what it leaves invariant is unknown.
With `energy = "likelihood"` V lacks ½‖f(x_i)‖². A run of either reports what is not the paper's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workbench.engine.data.batch import DataInfo
from workbench.engine.model import Metrics
from workbench.engine.models.lae import LAE
from workbench.engine.samplers.langevin import Decision, Point, per_member, propose, select
from workbench.engine.streams import Streams
from workbench.spec.models.lae import LAESettings
from workbench.spec.schema import TrainingSettings


class CourseLAE(LAE):
    """An LAE with one of the course project's departures, or both."""

    def __init__(self, settings: LAESettings, *arguments: Any) -> None:
        super().__init__(settings, *arguments)
        if settings.noise == "course":
            self.move = course_transition
        if settings.energy == "likelihood":
            self.watched = "loss"  # latents that no prior holds make the bound worse from the start

    def energy(self, x: Tensor, z: Tensor, out: Tensor | None = None) -> Tensor:
        """Return V's terms [S, B] in nats, −log p(x|z) alone if so set."""
        if self.settings.energy == "joint":
            return super().energy(x, z, out)
        return -self.likelihood.log_prob(x, self.decoder(z) if out is None else out)

    def reconstruction(self, energy: Tensor, prior: Tensor) -> Tensor:
        """Return −log p(x|z) from terms of V and their parts ½‖z‖², or from means of both."""
        return super().reconstruction(energy, prior) if self.settings.energy == "joint" else energy.clone()

    def decision_metrics(self, acceptance: Tensor, log_ratio: Tensor, images: int) -> Metrics:
        """Return acceptance and log ratio [S] under names of their own, since the rule is another one."""
        if self.settings.noise == "langevin":
            return super().decision_metrics(acceptance, log_ratio, images)
        metrics = {"chain_temperature": torch.full_like(acceptance, 1 / images)}
        if self.settings.metropolis:  # without the accept step its acceptance would mean nothing
            metrics |= {"course_acceptance": acceptance, "course_log_ratio": log_ratio}
        return metrics

    def warnings(self, metrics: dict[str, Any]) -> list[str]:
        """Return what of this run is the course project's and not the paper's."""
        found = []
        if self.settings.noise == "course":
            found.append(
                "This chain is the course project's, not Langevin dynamics: its noise is too small by the "
                "root of the batch size, which is nearly gradient descent."
            )
            if self.settings.metropolis:
                found.append("Its accept step is not Metropolis–Hastings: the reverse proposal is wrong.")
        if self.settings.energy == "likelihood":
            found.append("The energy lacks ½‖z‖²: latents have no prior in training, only at evaluation.")
        return found


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


def build(settings: LAESettings, training: TrainingSettings, data: DataInfo, streams: Streams) -> LAE:
    """Return the LAE of the paper, or the course project's where any setting departs from it."""
    paper = (settings.noise, settings.energy) == ("langevin", "joint")
    return (LAE if paper else CourseLAE)(settings, training, data, streams)
