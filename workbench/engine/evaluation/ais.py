"""Annealed importance sampling (Neal 2001) with HMC transitions, and its two-sided form BDMC.

Between a normalised Gaussian base q₀ = N(m, s²) and an unnormalised target f lie the densities

    f_β = q₀^(1−β) f^β,    0 = β₀ < β₁ < … < β_T = 1.

A chain starts at z ~ q₀ and in turn gains (β_t − β_{t−1})(log f − log q₀)(z) in log weight and moves by one
HMC transition that leaves f_{β_t} as it is. The mean weight estimates Z = ∫ f without bias, so that its
logarithm is a stochastic lower bound on log Z: on log p(x), if f(z) = p(x, z). Run backwards from an exact
draw of f, the same steps give an upper bound (Grosse, Ghahramani and Adams 2015). Step sizes are found in
a pilot run and then fixed: adapting them on the way would bias the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from workbench.engine.gaussians import LOG_2PI
from workbench.engine.samplers.hmc import TARGET, Point, transition, value_and_gradient
from workbench.engine.samplers.langevin import adapted
from workbench.engine.streams import Streams

STEEPNESS = 4.0  # of the sigmoid schedule (Grosse et al. 2015)
PILOT_SHARE = 8  # the pilot's ladder is this much coarser: a quarter of the work goes into it
PILOT_MOVES = 2  # transitions at each of its temperatures
PILOT_START = 0.7  # ε at the base, in units of its spread
PILOT_RATE = 0.4  # of log ε per transition: from the base's scale to the posterior's within a dozen

# Steps differ by up to this share between chains and transitions, whatever the state: trajectories of
# one length come back to where they began in some direction. Halves the variance of log weights.
JITTER = 0.5

LogDensity = Callable[[Tensor], Tensor]
OnProgress = Callable[[float], None]


@dataclass(frozen=True)
class Plan:
    """How much work AIS does: C chains per example, T temperatures, L leapfrog steps per transition."""

    chains: int = 8
    temperatures: int = 500
    leapfrogs: int = 10
    schedule: str = "linear"

    def betas(self) -> list[float]:
        """Return β₀ … β_T."""
        return schedule(self.schedule, self.temperatures)


def schedule(kind: str, temperatures: int) -> list[float]:
    """Return 0 = β₀ < … < β_T = 1, evenly spaced ("linear") or closer at both ends ("sigmoid")."""
    even = [t / temperatures for t in range(temperatures + 1)]
    if kind == "linear":
        return even
    low = 1 / (1 + math.exp(STEEPNESS))
    inner = [(1 / (1 + math.exp(STEEPNESS * (1 - 2 * t))) - low) / (1 - 2 * low) for t in even[1:-1]]
    return [0.0, *inner, 1.0]


@dataclass(frozen=True)
class Estimate:
    """log Z per example [S, B], effective number of chains [S, B], mean acceptance of each member [S]."""

    log_z: Tensor
    effective: Tensor
    acceptance: Tensor


class Bridge:
    """The densities between N(mean, scale²) and exp(log_target), for C chains on each of B examples.

    mean and scale [S, B, d]. States are [S, B·C, d], the chains of one example side by side.
    """

    def __init__(self, log_target: LogDensity, mean: Tensor, scale: Tensor, chains: int) -> None:
        self.log_target, self.chains = log_target, chains
        self.mean, self.scale = (part.repeat_interleave(chains, 1) for part in (mean, scale))
        self.precision = self.scale.square().reciprocal()
        self.constant = self.scale.double().log().sum(-1) + 0.5 * mean.shape[-1] * LOG_2PI

    def draw(self, streams: Streams) -> Tensor:
        """Return states from the base [S, B·C, d]."""
        return torch.addcmul(self.mean, self.scale, streams.normal("base", *self.mean.shape[1:]))

    def at(self, beta: float, point: Point) -> Point:
        """Return the point as one of f_β; nothing is evaluated."""
        target, slope, base, base_slope = point.extras
        value = torch.lerp(base, target, beta)
        if beta > 0:  # where f is 0, rounding of lerp would make no number of it
            value = torch.where(target.isneginf(), target, value)
        return Point(point.position, value, torch.lerp(base_slope, slope, beta), point.extras)

    def evaluate(self, z: Tensor, beta: float) -> Point:
        """Return the point of f_β at z, with log f, log q₀ and their gradients as extras."""
        target, slope = value_and_gradient(self.log_target, z)
        off = z - self.mean
        base_slope = -self.precision * off
        base = 0.5 * (off * base_slope).double().sum(-1) - self.constant
        return self.at(beta, Point(z, target, slope, (target, slope, base, base_slope)))

    def gradient(self, z: Tensor, beta: float) -> Tensor:
        """Return the gradient of log f_β at z."""
        _, slope = value_and_gradient(self.log_target, z)
        return torch.lerp(self.precision * (self.mean - z), slope, beta)

    def move(
        self, point: Point, beta: float, log_step: Tensor, leapfrogs: int, streams: Streams
    ) -> tuple[Point, Tensor]:
        """Do one HMC transition at β with steps exp(log_step) [S, B], in units of the base's spread."""
        rows = self.mean.shape[1:]
        uniform, jitter = streams.uniform("accept", 2, rows[0]).unbind(1)
        size = log_step.exp().repeat_interleave(self.chains, 1) * (1 + JITTER * (2 * jitter - 1))
        step = size.unsqueeze(-1) * self.scale
        return transition(
            lambda z: self.evaluate(z, beta),
            lambda z: self.gradient(z, beta),
            self.at(beta, point),
            step,
            streams.normal("momentum", *rows),
            uniform,
            leapfrogs,
        )


def log_ratio(point: Point) -> Tensor:
    """Return log f − log q₀ [S, R] at a point of a bridge."""
    target, _, base, _ = point.extras
    return target - base


class Steps:
    """log ε [S, B] as a function of β, found by a pilot run and fixed from then on."""

    def __init__(self, betas: list[float], log_steps: Tensor) -> None:
        self.betas, self.log_steps = betas, log_steps  # [K], [K, S, B]

    def at(self, beta: float) -> Tensor:
        """Return log ε [S, B] between the pilot's two nearest temperatures."""
        above = next((k for k, known in enumerate(self.betas) if known >= beta), len(self.betas) - 1)
        below = max(0, above - 1)
        width = self.betas[above] - self.betas[below]
        share = min(1.0, max(0.0, (beta - self.betas[below]) / width)) if width > 0 else 0.0
        return torch.lerp(self.log_steps[below], self.log_steps[above], share)


def pilot(log_target: LogDensity, mean: Tensor, scale: Tensor, plan: Plan, streams: Streams) -> Steps:
    """Anneal all chains along a coarser ladder and return the steps that gave 0.65 acceptance."""
    bridge = Bridge(log_target, mean, scale, plan.chains)
    betas = schedule(plan.schedule, max(20, plan.temperatures // PILOT_SHARE))[1:]
    point = bridge.evaluate(bridge.draw(streams), 0.0)
    members, examples, _ = mean.shape
    log_step = torch.full((members, examples), math.log(PILOT_START), dtype=mean.dtype, device=mean.device)
    found = []
    for beta in betas:
        for _ in range(PILOT_MOVES):
            point, probability = bridge.move(point, beta, log_step, plan.leapfrogs, streams)
            mean_probability = probability.view(members, examples, -1).mean(-1)
            log_step = adapted(log_step, mean_probability, TARGET, PILOT_RATE)
        found.append(log_step)
    return Steps(betas, torch.stack(found))


def anneal(
    bridge: Bridge,
    steps: Steps,
    plan: Plan,
    streams: Streams,
    *,
    end: Tensor | None = None,
    on_progress: OnProgress,
) -> tuple[Tensor, Tensor]:
    """Return the log weights [S, B, C] of one pass and its acceptance [S].

    Forwards from the base; or, where `end` [S, B·C, d] holds exact draws of the target, backwards from
    there: the weight is then that of 1/Z. `on_progress` takes the share of the pass that is done.
    """
    betas = plan.betas()
    backwards = end is not None
    widths = [high - low for low, high in pairwise(betas)]
    stops = betas[1:-1]
    if backwards:
        widths, stops = [-width for width in widths[::-1]], stops[::-1]
    point = bridge.evaluate(bridge.draw(streams) if end is None else end, 1.0 if backwards else 0.0)
    log_weight = widths[0] * log_ratio(point)
    accepted = torch.zeros((), dtype=torch.float64, device=log_weight.device)
    for turn, (beta, width) in enumerate(zip(stops, widths[1:], strict=True)):
        point, probability = bridge.move(point, beta, steps.at(beta), plan.leapfrogs, streams)
        log_weight.add_(log_ratio(point), alpha=width)
        accepted = accepted + probability.mean(1)
        on_progress((turn + 1) / len(stops))
    shape = (log_weight.shape[0], -1, bridge.chains)
    return log_weight.view(shape), accepted.expand(shape[0]) / max(1, len(stops))


def log_normaliser(
    log_target: LogDensity, mean: Tensor, scale: Tensor, plan: Plan, streams: Streams, on_progress: OnProgress
) -> Estimate:
    """Estimate log ∫ exp(log_target) of B densities from the base N(mean, scale²), both [S, B, d].

    log_target maps states [S, B·C, d], the C = plan.chains chains of one density side by side, to [S, B·C].
    In expectation a lower bound.
    """
    steps = pilot(log_target, mean, scale, plan, streams)
    bridge = Bridge(log_target, mean, scale, plan.chains)
    log_weight, acceptance = anneal(bridge, steps, plan, streams, on_progress=on_progress)
    return Estimate(*averaged(log_weight), acceptance)


def both_sides(
    log_target: LogDensity,
    mean: Tensor,
    scale: Tensor,
    exact: Tensor,
    plan: Plan,
    streams: Streams,
    on_progress: OnProgress,
) -> tuple[Tensor, Tensor]:
    """Return a lower and an upper bound [S, B] on log Z (in expectation), given exact draws [S, B, d].

    All C backward chains of an example start at its one exact draw.
    """
    steps = pilot(log_target, mean, scale, plan, streams)
    bridge = Bridge(log_target, mean, scale, plan.chains)
    forward, _ = anneal(bridge, steps, plan, streams, on_progress=lambda share: on_progress(share / 2))
    start = exact.repeat_interleave(plan.chains, 1)
    backward, _ = anneal(
        bridge, steps, plan, streams, end=start, on_progress=lambda share: on_progress(0.5 + share / 2)
    )
    return averaged(forward)[0], -averaged(backward)[0]


def averaged(log_weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the log of the mean weight over the last axis, and the effective number of weights there."""
    total = log_weight.logsumexp(-1)
    effective = (2 * total - (2 * log_weight).logsumexp(-1)).exp()
    return total - math.log(log_weight.shape[-1]), effective
