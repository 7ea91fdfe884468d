"""LEBM trained by thermodynamic integration: chains at every temperature from the prior to the posterior.

Per image, M chains run at each temperature t of a ladder, on p_t(z) ∝ p(x|z)^t p(z). With l = log p(x|z),
log p(x) = ∫ E_t[l] dt, and its gradients are

    β:  ∫ ( E_t[∇l] + t Cov_t(l, ∇l) ) dt  =  E_1[∇l]
    α:  ∫ Cov_t(l, ∇f) dt                  =  E_1[∇f] − E_0[∇f]

`ti-full` estimates the left-hand sides. `power` leaves the covariance out of β's, as published code does:
what is left is NOT the gradient of log p(x), and its updates are biased; α's is the right-hand side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workbench.engine import thermodynamic as ti
from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.dataset import DataSet
from workbench.engine.evaluation.entry import entry, example_entry
from workbench.engine.model import Metrics
from workbench.engine.models.lebm import LEBM
from workbench.engine.samplers.langevin import eta_of_s, last, noise_steps, ula
from workbench.engine.streams import Streams
from workbench.spec.models.lebm import LEBMSettings
from workbench.spec.schema import EvaluationSettings, TrainingSettings

SUMMARY_IMAGES = 64  # test examples behind the result's estimates: each has M (N + 1) chains
ROWS = 8192  # chains that run together in an evaluation


class Ladder:
    """T = N + 1 temperatures with a Langevin step, a weight and M chains for each."""

    def __init__(self, model: LEBM, temperatures: Sequence[float], draws: int, exchange: int = 0) -> None:
        like = model.likelihood.log_sigma
        settings = model.settings
        etas = ti.rung_etas(temperatures, eta_of_s(settings.prior_step), eta_of_s(settings.posterior_step))
        self.temperatures, self.etas = like.new_tensor(temperatures), like.new_tensor(etas)
        self.weights = ti.trapezium_weights(self.temperatures)  # [T]
        self.size, self.draws, self.exchange = len(temperatures), draws, exchange


@dataclass(frozen=True)
class Draws:
    """The chains' ends z [S, T, B, M, d], and the accepted share of swaps per pair [S, T − 1] (or None)."""

    z: Tensor
    swaps: Tensor | None


@torch.no_grad()
def run_ladder(
    model: LEBM,
    ladder: Ladder,
    x: Tensor,
    start: Tensor,
    streams: Streams,
    steps: int,
    prior_steps: int = 0,
) -> Draws:
    """Run all chains of x [S, B, D]; `start` [S, T − 1, B, M, d] is for the temperatures above 0.

    t = 0 takes the ends of prior chains, which start cold and do not know x (`prior_steps` 0: as long as the
    model's own); it moves on with the others only where states are exchanged.
    """
    members, count, _ = x.shape
    z = model.prior_chain(count * ladder.draws, streams, prior_steps).view(members, 1, *start.shape[2:])
    if not ladder.exchange:
        above = _langevin(model, ladder, 1, x, start, streams, steps)
        return Draws(torch.cat([z, last(above).view_as(start)], 1), None)
    z = torch.cat([z, start], 1)
    shape, flat = z.shape, (members, ladder.size, count * ladder.draws, model.latent)
    accepted, attempts = x.new_zeros(members, ladder.size - 1), [0, 0]
    for turn in range(steps // ladder.exchange):
        z = last(_langevin(model, ladder, 0, x, z.view(shape), streams, ladder.exchange)).view(flat)
        odd = bool(turn % 2)
        uniform = streams.uniform("swap", ti.pairs_of(ladder.size, odd), flat[2])
        likely = log_likelihood(model, x, z.view(shape)).flatten(2)
        z, taken = ti.swap_neighbours(ladder.temperatures, z, likely, uniform, odd)
        accepted[:, int(odd) :: 2] += taken.to(x.dtype).mean(-1)
        attempts[odd] += 1
    rest = steps % ladder.exchange
    if rest:
        z = last(_langevin(model, ladder, 0, x, z.view(shape), streams, rest))
    for first in (0, 1):  # pairs that had no turn are NaN
        accepted[:, first::2] /= attempts[first] or float("nan")
    return Draws(z.view(shape), accepted)


def _langevin(
    model: LEBM, ladder: Ladder, first: int, x: Tensor, start: Tensor, streams: Streams, steps: int
) -> Any:
    """Return the states [S, R·B·M, d] of the chains from temperature number `first` on."""
    rungs, count, draws = start.shape[1:4]
    each = count * draws
    temperature, eta = (
        values[first:].repeat_interleave(each, output_size=rungs * each).unsqueeze(-1)
        for values in (ladder.temperatures, ladder.etas)
    )
    rows = _rows(x, rungs, draws)
    noises = noise_steps(streams, "posterior chain", steps, rungs * each, model.latent)
    return ula(
        lambda z: model.posterior_gradient(rows, z, temperature),
        start.flatten(1, 3),
        eta,
        noises,
        clamp=model.settings.clamp,
    )


def _rows(x: Tensor, rungs: int, draws: int) -> Tensor:
    """Return x [S, B, D] repeated for every temperature and chain, [S, rungs · B · draws, D]."""
    members, count, width = x.shape
    return x[:, None, :, None].expand(members, rungs, count, draws, width).reshape(members, -1, width)


def log_likelihood(model: LEBM, x: Tensor, z: Tensor) -> Tensor:
    """Return l = log p(x|z) [S, T, B, M] of x [S, B, D] and z [S, T, B, M, d]."""
    rows = _rows(x, z.shape[1], z.shape[3])
    return model.likelihood.log_prob(rows, model.generator(z.flatten(1, 3))).view(z.shape[:-1])


@dataclass(frozen=True)
class Surrogate:
    """Losses [S] whose gradients are the estimates (prior: None where f = 0), and l, f at both ends."""

    generator: Tensor
    prior: Tensor | None
    log_likelihood: Tensor  # [S, T, B, M]
    f_prior: Tensor  # [S, B, M] at t = 0
    f_posterior: Tensor  # [S, B, M] at t = 1


def surrogate(model: LEBM, ladder: Ladder, objective: str, x: Tensor, z: Tensor) -> Surrogate:
    """Return the losses of `objective` at the draws z [S, T, B, M, d]: minus an estimate of log p(x).

    `vanilla` uses the two ends alone. Draws get no gradient. A covariance is that of M draws per image,
    (M − 1) in its denominator: unbiased.
    """
    likely = log_likelihood(model, x, z)
    centred = (likely - likely.mean(-1, keepdim=True)).detach() * (ladder.draws / (ladder.draws - 1))
    if objective == "vanilla":
        generator = -likely[:, -1].mean((1, 2))
    else:
        factor = 1 + ladder.temperatures[:, None, None] * centred if objective == "ti-full" else 1.0
        generator = -((factor * likely).mean((2, 3)) * ladder.weights).sum(1)
    if model.prior is None:
        none = torch.zeros_like(likely[:, 0])
        return Surrogate(generator, None, likely.detach(), none, none)
    if objective == "ti-full":
        f = model.f(z.flatten(1, 3)).view_as(likely)
        prior = -((centred * f).mean((2, 3)) * ladder.weights).sum(1)
        ends = f[:, 0], f[:, -1]
    else:
        both = torch.stack([z[:, 0], z[:, -1]], 1)
        low, high = model.f(both.flatten(1, 3)).view(both.shape[:-1]).unbind(1)
        prior, ends = low.mean((1, 2)) - high.mean((1, 2)), (low, high)
    return Surrogate(generator, prior, likely.detach(), *ends)


@dataclass(frozen=True)
class Curve:
    """E_t and V_t [S, T], means over images; error [S, T] of E_t from the chains; per image log p̂ [S, B]."""

    mean: Tensor
    variance: Tensor
    error: Tensor
    plain: Tensor
    corrected: Tensor


def curve_of(ladder: Ladder, log_likelihood: Tensor) -> Curve:
    """Return the curve of l [S, T, B, M]: integrand and integral, V by the unbiased variance."""
    mean, variance = (part.transpose(1, 2) for part in (log_likelihood.mean(3), log_likelihood.var(3)))
    count = mean.shape[1] * ladder.draws
    t = ladder.temperatures
    return Curve(
        mean.mean(1),
        variance.mean(1),
        (variance.mean(1) / count).sqrt(),
        ti.trapezium(t, mean),
        ti.corrected_trapezium(t, mean, variance),
    )


@dataclass(frozen=True)
class LadderEvaluation:
    """The curve at the chains' ends; in how many errors E_t falls with t, or moved in the second half [S]."""

    curve: Curve
    fall: Tensor
    drift: Tensor
    swaps: Tensor | None  # accepted share per pair [S, T − 1]


@torch.no_grad()
def evaluate_ladder(model: LEBM, ladder: Ladder, x: Tensor, streams: Streams, steps: int) -> LadderEvaluation:
    """Run cold chains of x [S, B, D], some images at a time.

    A fall of E_t alone would miss chains that are late at every temperature: their E_t still moves.
    """
    size = max(1, ROWS // (ladder.size * ladder.draws))
    parts: tuple[list[Tensor], list[Tensor]] = ([], [])
    swaps = []
    for part in x.split(size, 1):
        shape = (ladder.size - 1, part.shape[1], ladder.draws, model.latent)
        z = streams.normal("start", *shape)
        for half, number in zip(parts, (steps // 2, steps - steps // 2), strict=True):
            drawn = run_ladder(model, ladder, part, z, streams, number) if number else None
            if drawn is None:  # a single step has no first half: its move is counted from the start
                half.append(log_likelihood(model, part, torch.cat([z[:, :1], z], 1)))
                continue
            z = drawn.z[:, 1:]
            half.append(log_likelihood(model, part, drawn.z))
        if drawn is not None and drawn.swaps is not None:
            swaps.append(drawn.swaps * part.shape[1])
    before, after = (torch.cat(half, 2) for half in parts)
    curve = curve_of(ladder, after)
    # chain by chain: a slow one is much the same after both halves, and its steady way still shows
    moved = curve_of(ladder, after - before)
    return LadderEvaluation(
        curve,
        ti.largest_fall(curve.mean, curve.error),
        (moved.mean.abs() / moved.error)[:, 1:].amax(1),  # at t = 0 the chains start anew
        torch.stack(swaps).sum(0) / x.shape[1] if swaps else None,
    )


class ThermodynamicLEBM(LEBM):
    """An LEBM whose updates are those of `power` or `ti-full`; sampled and encoded as any other."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        settings = self.settings
        self.ladder = Ladder(
            self, ti.ladder(settings.temperatures, settings.power), settings.draws, settings.exchange
        )

    def _chain_shape(self) -> tuple[int, ...]:
        return (self.settings.temperatures, self.settings.draws, self.latent)

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Run the ladder, then one update of the prior's f and of the generator."""
        settings, ladder = self.settings, self.ladder
        start = self._start(batch.index, streams).transpose(1, 2)  # [S, N, B, M, d]
        drawn = run_ladder(self, ladder, batch.x, start, streams, settings.posterior_steps)
        self._store(batch.index, drawn.z[:, 1:].transpose(1, 2))
        self.zero_grad()
        found = surrogate(self, ladder, settings.objective, batch.x, drawn.z)
        found.generator.sum().backward()  # a sum over members: none sees another's gradient
        self.take_step("generator")
        if found.prior is not None:
            size = found.f_posterior.square().mean((1, 2)) + found.f_prior.square().mean((1, 2))
            (found.prior + settings.f_l2 * size).sum().backward()
            self.take_step("prior")
        curve = curve_of(ladder, found.log_likelihood)
        metrics = {
            "loss": -curve.plain.mean(1),
            "reconstruction": -curve.mean[:, -1],
            "f_posterior": found.f_posterior.detach().mean((1, 2)),
            "f_prior": found.f_prior.detach().mean((1, 2)),
            "z_square": drawn.z[:, 0].square().sum(-1).mean((1, 2)),
            "ti_log_px": curve.plain.mean(1),
            "ti_log_px_corrected": curve.corrected.mean(1),
            "ti_fall": ti.largest_fall(curve.mean, curve.error),
            "ti_kl": ti.adjacent_kl(ladder.temperatures, curve.variance).amax(1),
        }
        if drawn.swaps is not None:
            metrics["swap_acceptance"] = drawn.swaps.nanmean(1)
        return metrics

    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return what an LEBM does but the loss: here that is −log p̂, which takes a ladder per example."""
        found = super().evaluate(x, streams)
        del found["loss"]
        return found

    def summary(self, data: DataSet, settings: EvaluationSettings, streams: Streams) -> dict[str, Any]:
        """Return log p̂ of some test examples, and whether their chains have converged."""
        x = next(data.chunks("test", streams, SUMMARY_IMAGES, SUMMARY_IMAGES)).x
        steps = self.settings.encode_steps or self.settings.posterior_steps
        return ladder_metrics(self.ladder, evaluate_ladder(self, self.ladder, x, streams, steps))

    def warnings(self, metrics: dict[str, Any]) -> list[str]:
        """Return sentences on biased updates and on chains that have not converged."""
        biased = ["objective = power: updates of the generator are BIASED (no covariance term)"]
        return biased * (self.settings.objective == "power") + convergence_notes(metrics)


def ladder_metrics(ladder: Ladder, found: LadderEvaluation) -> dict[str, Any]:
    """Return the estimates and the diagnostics of a ladder in the form of result.json."""
    curve, images = found.curve, found.curve.plain.shape[1]
    settled = torch.maximum(found.fall, found.drift) <= ti.LIMIT
    metrics = {
        "ti_log_px": example_entry(curve.plain),
        "ti_log_px_corrected": example_entry(curve.corrected),
        "ti_converged": entry(settled.to(found.fall.dtype), None, images),
        "ti_fall": entry(found.fall, None, images),
        "ti_drift": entry(found.drift, None, images),
        "ti_kl": entry(ti.adjacent_kl(ladder.temperatures, curve.variance).amax(1), None, images),
    }
    if found.swaps is not None:
        metrics["swap_acceptance"] = entry(found.swaps.nanmean(1), None, images)
    return metrics


def convergence_notes(metrics: dict[str, Any]) -> list[str]:
    """Return a sentence if chains of any seed have not converged: E_t falls with t, or still moves."""
    found = metrics.get("ti_converged", {"values": []})["values"]
    bad = [number for number, value in enumerate(found) if value == 0]
    if not bad:
        return []
    fall, drift = (max(metrics[name]["values"][n] or 0.0 for n in bad) for name in ("ti_fall", "ti_drift"))
    return [
        f"NOT CONVERGED: chains of {len(bad)} of {len(found)} seeds. E_t falls with t by up to {fall:.1f} "
        f"standard errors, and moved by up to {drift:.1f} in the second half of the steps ({ti.LIMIT:g} are "
        "allowed). The estimate of log p(x) is not to be trusted; longer chains (model.posterior_steps, "
        "model.encode_steps) or exchange between temperatures (model.exchange) may help."
    ]


def build(settings: LEBMSettings, training: TrainingSettings, data: DataInfo, streams: Streams) -> LEBM:
    """Return the model of the objective, its initial weights and chains drawn from the stream "init"."""
    family = LEBM if settings.objective == "vanilla" else ThermodynamicLEBM
    return family(settings, training, data, streams)
