"""AIS of log p(x) with its two-sided gap, as an estimate: its blocks, base and target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workbench.engine.evaluation.ais import LogDensity, OnProgress, Plan, both_sides, log_normaliser
from workbench.engine.evaluation.entry import entry, mean_entry
from workbench.engine.evaluation.evidence import (
    add_grey_note,
    images_of,
    log_joint_of,
    needs_density,
    prior_log_z,
)
from workbench.engine.evaluation.importance import FIT_DRAWS, fitted_gaussian
from workbench.engine.evaluation.task import Findings, Task

# Numbers in the widest layer of one gradient, all members together. On a CPU blocks that stay in its
# cache are 1.5 times as fast as large ones; a GPU wants large ones.
BLOCK_ELEMENTS = {"cpu": 320_000, "cuda": 2**26}
ASSUMED_WIDTH = 64


class Meter:
    """Reports the share of the work that is done; work that turns out to be needed lowers no share."""

    def __init__(self, report: OnProgress, total: float) -> None:
        self.report, self.total = report, total
        self.done = self.shown = 0.0

    def part(self, cost: float) -> OnProgress:
        """Return a callback for the share of a part of this cost, which is the next one."""
        start = self.done
        self.done += cost

        def on_progress(share: float) -> None:
            self.shown = max(self.shown, min(1.0, (start + share * cost) / self.total))
            self.report(self.shown)

        return on_progress


@dataclass(frozen=True)
class Sides:
    """Lower and upper bound on log p(x) of samples of the model, [S, n]."""

    lower: Tensor
    upper: Tensor

    @property
    def gap(self) -> float:
        """The largest mean gap of a seed that has not diverged."""
        return float((self.upper - self.lower).mean(1).nan_to_num(nan=-torch.inf).max())


def ais(task: Task) -> Findings:
    """Annealed importance sampling of log p(x) (Neal 2001), and BDMC on samples of the model if it has any.

    With `target_gap` BDMC comes first, and temperatures and chains double in turn until its gap is below.

    Raises:
        WorkbenchError: if the model has no log p(x, z), or no exact samples where `bdmc` or a target asks
            for them, or no encoder draws for `base=full`.
    """
    settings = task.settings
    needs_density(task)
    plan = Plan(settings.chains, settings.temperatures, settings.leapfrogs, settings.schedule)
    simulated = _simulated(task)
    pairs = settings.bdmc if simulated else 0
    meter = Meter(task.on_progress, _cost(plan, images_of(task) + 2 * pairs))
    sides, grown = None, ""
    if settings.target_gap and simulated:
        plan, sides, grown = _to_target(task, plan, simulated, meter)
    parts, done = [], 0
    for batch in task.data.chunks("test", task.streams, _examples(task, plan.chains), settings.images):
        parts.append(_block(task, plan, batch.x, done, meter))
        done += batch.x.shape[1]
    log_evidences, effective = (torch.cat([part[k] for part in parts], 1) for k in (0, 1))
    acceptance = torch.stack([part[2] for part in parts]).mean(0)
    found = Findings()
    if not task.model.normalised:
        log_evidences = log_evidences - prior_log_z(task, found).unsqueeze(1)
    found.add("ais", log_evidences)
    found.add("ais_effective", effective)
    found.metrics["ais_acceptance"] = entry(acceptance, None, log_evidences.shape[1] * plan.chains)
    add_grey_note(task, found)
    if simulated is None:
        found.notes.append("No two-sided gap: the model has no exact samples.")
    elif settings.bdmc:
        sides = sides or _two_sided(task, plan, *simulated, meter)
        found.metrics["bdmc_gap"] = mean_entry(sides.upper - sides.lower)
        found.metrics["bdmc_lower"] = mean_entry(sides.lower)
        found.metrics["bdmc_upper"] = mean_entry(sides.upper)
    found.notes += [grown] if grown else []
    return found


def _block(task: Task, plan: Plan, x: Tensor, done: int, meter: Meter) -> tuple[Tensor, ...]:
    """Return log p(x) and effective chains [S, B] of one block, and the acceptance of each seed [S]."""
    progress = meter.part(_cost(plan, x.shape[1]))

    def measure() -> tuple[Tensor, ...]:
        target, mean, scale, _ = _start(task, x, plan.chains)
        estimate = log_normaliser(target, mean, scale, plan, task.streams, progress)
        return estimate.log_z, estimate.effective, estimate.acceptance

    return task.kept.part(f"ais/{done}", task.streams, measure)


def _two_sided(task: Task, plan: Plan, x: Tensor, z: Tensor, meter: Meter) -> Sides:
    """Return the two bounds on samples x with their exact latents z; their gap bounds the error of both."""
    found, done = [], 0
    for piece in torch.arange(x.shape[1], device=x.device).split(_examples(task, plan.chains)):
        progress = meter.part(_cost(plan, 2 * len(piece)))

        def measure(
            piece: Tensor = piece, done: int = done, progress: OnProgress = progress
        ) -> tuple[Tensor, ...]:
            streams = task.streams.fork(f"bdmc/{done}")
            target, mean, scale, coordinates = _start(task, x[:, piece], plan.chains)
            return both_sides(target, mean, scale, coordinates(z[:, piece]), plan, streams, progress)

        name = f"bdmc/{plan.temperatures}/{plan.chains}/{done}"
        found.append(task.kept.part(name, task.streams, measure))
        done += len(piece)
    return Sides(*(torch.cat(side, 1) for side in zip(*found, strict=True)))


def _to_target(
    task: Task, plan: Plan, simulated: tuple[Tensor, Tensor], meter: Meter
) -> tuple[Plan, Sides, str]:
    """Return the first plan whose gap is below the target, or the largest allowed, its bounds, and a note."""
    target, work = task.settings.target_gap, 1
    while True:
        sides = _two_sided(task, plan, *simulated, meter)
        reached = sides.gap <= target
        if reached or 2 * work > task.settings.growth:
            break
        temperatures, chains = (2, 1) if work.bit_length() % 2 else (1, 2)  # in turn
        plan = replace(plan, temperatures=temperatures * plan.temperatures, chains=chains * plan.chains)
        work *= 2
        meter.total = meter.done + _cost(plan, images_of(task) + 2 * task.settings.bdmc)
    meter.total = meter.done + _cost(plan, images_of(task))
    outcome = "is below" if reached else "NOT below"
    note = (
        f"The BDMC gap of {sides.gap:.3g} nats {outcome} the target of {target:g}, with {plan.temperatures} "
        f"temperatures and {plan.chains} chains ({work} times the work)."
    )
    return plan, sides, note if reached else f"{note} Raise growth, or choose another base."


def _simulated(task: Task) -> tuple[Tensor, Tensor] | None:
    """Return exact draws (x, z) of the model, or None; asking for a gap where there are none is an error."""
    settings = task.settings
    drawn = None
    if task.model.normalised:
        with torch.no_grad():
            drawn = task.model.joint_draws(max(1, settings.bdmc), task.streams.fork("joint"))
    if settings.target_gap and not settings.bdmc:
        raise task.refuse("target_gap is measured on samples of the model, and bdmc is 0.", "Set bdmc to 50.")
    if drawn is None and settings.bdmc and settings.model_fields_set & {"bdmc", "target_gap"}:
        raise task.refuse(
            "A two-sided (BDMC) gap needs exact samples of the model, and this family has none.",
            "Leave bdmc and target_gap out.",
        )
    return drawn


def _start(
    task: Task, x: Tensor, chains: int
) -> tuple[LogDensity, Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """Return what chains on x anneal to, mean and spread [S, B, d] of their base, and a map of latents.

    With `base=full` chains move in u, z = m + L u, with m and L Lᵀ fitted to encoder draws; the base is then
    N(0, I), the target has log |L| added, and the map takes z [S, B, d] to u.
    """
    model, base = task.model, task.settings.base
    target = log_joint_of(model, x, chains)
    with torch.no_grad():
        if base == "full":
            draws = model.encoder_draws(x, FIT_DRAWS, task.streams)
            if draws is None:
                raise task.refuse(
                    "base=full is fitted to draws of an encoder, and the q of this family is a Gaussian.",
                    "Use base=proposal.",
                )
            return _transformed(target, *fitted_gaussian(draws), chains)
        proposal = model.proposal(x, task.streams) if base == "proposal" else None
    mean = x.new_zeros(*x.shape[:2], model.latent)
    mean, scale = (mean, torch.ones_like(mean)) if proposal is None else proposal
    return target, mean, scale, lambda z: z


def _transformed(
    target: LogDensity, mean: Tensor, factor: Tensor, chains: int
) -> tuple[LogDensity, Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """Return the target as a density of u, z = mean + factor u, the base N(0, I), and the map to u."""
    wide_mean, wide_factor = (part.repeat_interleave(chains, 1) for part in (mean, factor))
    volume = wide_factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_density(u: Tensor) -> Tensor:
        return target(wide_mean + (wide_factor @ u.unsqueeze(-1)).squeeze(-1)) + volume

    def coordinates(z: Tensor) -> Tensor:
        return torch.linalg.solve_triangular(factor, (z - mean).unsqueeze(-1), upper=False).squeeze(-1)

    return log_density, torch.zeros_like(mean), torch.ones_like(mean), coordinates


def _cost(plan: Plan, examples: int) -> float:
    return float(plan.chains * plan.temperatures * examples)


def _examples(task: Task, chains: int) -> int:
    """Return how many examples make a block."""
    width = max(task.data.info.dimensions, ASSUMED_WIDTH)
    most = BLOCK_ELEMENTS.get(task.streams.device.type, BLOCK_ELEMENTS["cpu"])
    return max(1, most // (width * task.model.members * chains))
