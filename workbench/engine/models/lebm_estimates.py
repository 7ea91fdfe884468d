"""What a ladder of temperatures measures of an LEBM: log p(x), and how noisy its gradients are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from workbench.engine import thermodynamic as ti
from workbench.engine.evaluation.entry import entry
from workbench.engine.evaluation.gradient_variance import Spread, cosine
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.models.lebm import LEBM
from workbench.engine.models.lebm_ti import (
    Ladder,
    convergence_notes,
    evaluate_ladder,
    ladder_metrics,
    run_ladder,
    surrogate,
)
from workbench.engine.streams import Streams
from workbench.spec.estimates.ladder import OBJECTIVES

PIECE = 8192  # chains that run together


def thermodynamic(task: Task) -> Findings:
    """E_t over the ladder with its errors, and log p(x) by both rules."""
    model, settings = _lebm(task), task.settings
    ladder = Ladder(
        model, ti.ladder(settings.temperatures, settings.power), settings.draws, settings.exchange
    )
    x = next(task.data.chunks("test", task.streams, settings.images, settings.images)).x
    result = evaluate_ladder(model, ladder, x, task.streams, _steps(task, model))
    task.on_progress(1.0)
    found = Findings(metrics=ladder_metrics(ladder, result))
    curve = result.curve
    kept = {
        "temperatures": ladder.temperatures,
        "mean": curve.mean,
        "error": curve.error,
        "variance": curve.variance,
        "kl": ti.adjacent_kl(ladder.temperatures, curve.variance),
    }
    if result.swaps is not None:
        kept["swaps"] = result.swaps
    found.arrays = {name: values.double().cpu().numpy() for name, values in kept.items()}
    found.notes.append(
        "mean ± error of E_t[log p(x|z)] per temperature, its variance and the divergence of neighbours "
        "(Δt²V) are in the arrays. Langevin chains without accept steps: biased by the step size."
    )
    found.notes += convergence_notes(found.metrics)
    return found


def gradient_variance(task: Task) -> Findings:
    """Noise of the gradients of f and g under each objective, at the same number of score evaluations."""
    model, settings = _lebm(task), task.settings
    steps = _steps(task, model)
    rungs = ti.ladder(settings.temperatures, settings.power)
    both_ends = len(rungs) * settings.draws // 2  # chains at t = 0 and as many at t = 1: equal cost
    ladders = {
        "vanilla": Ladder(model, [0.0, 1.0], both_ends),
        "power": Ladder(model, rungs, settings.draws),
        "ti-full": Ladder(model, rungs, settings.draws),
    }
    nets: dict[str, nn.Module] = {"generator": model.generator}
    if model.prior is not None:
        nets["prior"] = model.prior
    spreads = {(o, net): Spread(settings.repeats) for o in OBJECTIVES for net in nets}
    done, turns = 0, settings.batches * settings.repeats * len(OBJECTIVES)
    with _weights_with_gradients(model):
        for _ in range(settings.batches):
            index = task.streams.permutation("batch", task.data.info.train_size)[:, : settings.images]
            x = task.data.batch(index, task.streams).x
            for _ in range(settings.repeats):
                for objective in OBJECTIVES:
                    _one_gradient(model, ladders[objective], objective, x, task.streams, steps)
                    for net, module in nets.items():
                        gradients = [p.grad for p in module.parameters() if p.grad is not None]
                        spreads[objective, net].add(torch.cat([g.flatten(1) for g in gradients], 1))
                    done += 1
                    task.on_progress(done / turns)
    found = Findings()
    count = settings.batches * settings.repeats
    for (objective, net), spread in spreads.items():
        parts, true = spread.parts(), spreads["vanilla", net].parts()
        name = f"gradient_{objective.replace('-', '_')}_{net}"
        found.metrics |= {
            f"{name}_variance": entry(parts.total, None, count),
            f"{name}_chain": entry(parts.chain, None, count),
            f"{name}_data": entry(parts.data, None, count),
            f"{name}_normalised": entry(parts.normalised, None, count),
            f"{name}_cosine": entry(cosine(parts.mean, true.mean), None, count),
        }
    scores = len(rungs) * settings.draws * steps
    found.notes += [
        f"{settings.batches} batches of {settings.images} training examples, {settings.repeats} sets of cold "
        f"chains each; {scores} score evaluations per example for each objective: {len(rungs)} temperatures "
        f"× {settings.draws} chains, or {both_ends} chains at each end (vanilla), {steps} steps each.",
        "Variance of the mean over a batch of that size, mean over weights. The data's part is a difference "
        "and may be negative.",
        "power is BIASED for the generator: little variance around a gradient that is not that of log p(x). "
        "The cosine is that of the mean gradient with vanilla's.",
    ]
    return found


def _one_gradient(
    model: LEBM, ladder: Ladder, objective: str, x: Tensor, streams: Streams, steps: int
) -> None:
    """Leave the estimate of ascent's gradient, per batch, in the weights' `grad`."""
    model.zero_grad()
    size = max(1, PIECE // (ladder.size * ladder.draws))
    for part in x.split(size, 1):
        z = streams.normal("start", ladder.size - 1, part.shape[1], ladder.draws, model.latent)
        drawn = run_ladder(model, ladder, part, z, streams, steps, prior_steps=steps)
        found = surrogate(model, ladder, objective, part, drawn.z)
        loss = found.generator if found.prior is None else found.generator + found.prior
        (loss.sum() * (-part.shape[1] / x.shape[1])).backward()


@contextmanager
def _weights_with_gradients(model: LEBM) -> Iterator[None]:
    """A measurement finds weights without gradients, and leaves them so."""
    model.requires_grad_(True)
    try:
        yield
    finally:
        model.zero_grad()
        model.requires_grad_(False)


def _steps(task: Task, model: LEBM) -> int:
    return int(task.settings.steps or model.settings.encode_steps or model.settings.posterior_steps)


def _lebm(task: Task) -> LEBM:
    if not isinstance(task.model, LEBM):
        raise task.refuse(
            "A ladder of temperatures needs an energy-based prior and its chains: an LEBM.",
            "Choose another --metric.",
        )
    return task.model
