"""Measures the numbers of a run's health checks, and judges each of its seeds by them (docs/health.md)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.engine.data import DataSet
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.model import LatentModel
from workbench.engine.streams import Streams
from workbench.spec.health import health_reasons, judge
from workbench.store.evaluations import read_health
from workbench.store.files import read_toml
from workbench.store.json_fields import items, number, read_table, table
from workbench.store.metrics import MetricsTail
from workbench.store.paths import RunPaths

FEWEST = 20  # points of a curve that are judged; tenths of fewer are single points
NOISE = 3  # steps between neighbouring points that a fall must have to be a yardstick
EXAMPLES, SAMPLES = 500, 200

Curves = dict[str, NDArray[np.float64]]  # by "split:metric", [points, S]


def measure(task: Task) -> Findings:
    """Judge a trained run anew: by its curves, its result, and the state of its model.

    Raises:
        WorkbenchError: if the run is not known.
    """
    if task.run is None:
        raise task.refuse("Cannot judge health: it needs the curves of a run.")
    result = read_table(task.run.result)
    seeds = items((read_toml(task.run.spec) or {}).get("seeds"))
    bad = {int(seed): step for seed, step in table(result.get("diverged")).items() if seed.isdecimal()}
    found = health(task.run, task.model, task.data, table(result.get("metrics")), seeds, bad, task.streams)
    return Findings(
        health=found, notes=health_reasons(seeds, read_health(found)) or ["Every seed is healthy."]
    )


def health(
    run: RunPaths,
    model: LatentModel,
    data: DataSet,
    metrics: dict[str, Any],
    seeds: list[int],
    diverged: dict[int, int],
    streams: Streams,
) -> list[dict[str, Any]]:
    """Return, for each seed, the entry `health` of result.json: verdict, reasons, and the numbers judged.

    `metrics` are those of the result, `diverged` maps seeds to their first bad step.
    """
    checks = model.settings.health_checks()
    curves = read_curves(run, len(seeds))
    with torch.no_grad():
        state = general_state(model, data, streams.fork("general"))
        state |= model.health(data, metrics, streams.fork("family"))
    found = []
    for member, seed in enumerate(seeds):
        if seed in diverged:
            found.append(diverged_entry(diverged[seed]))
            continue
        numbers: dict[str, float | None] = {}
        for check in checks:
            split, _, name = check.source.partition(":")
            if split == "state":
                numbers[check.key] = float(state[name][member]) if name in state else None
            elif split == "result":
                values = items(table(metrics.get(name)).get("values"))
                numbers[check.key] = number(values[member]) if member < len(values) else None
            elif check.source in curves:
                numbers[check.key] = statistic(curves[check.source][:, member], check.of)
        verdict, reasons = judge(checks, numbers)
        known = {key: v if math.isfinite(v) else str(v) for key, v in numbers.items() if v is not None}
        found.append({"verdict": verdict, "reasons": list(reasons), "numbers": known})
    return found


def diverged_entry(step: int) -> dict[str, Any]:
    """Return the entry of a seed that diverged at `step`."""
    return {"verdict": "unhealthy", "reasons": [f"training diverged at step {step}"], "numbers": {}}


def statistic(values: NDArray[np.float64], of: str) -> float | None:
    """Return the number that `Check.of` names of one seed's curve [points]; None if it is too short."""
    values = values[np.isfinite(values)]
    if len(values) < FEWEST:
        return None
    parts = np.array_split(values, 10)
    if of == "end":
        return float(parts[-1].mean())
    tenths = [float(np.median(part)) for part in parts]
    start, end, best = tenths[0], tenths[-1], min(tenths)
    if of == "travel":
        half = values[len(values) // 2 :]
        return float(np.ptp(half) / max(abs(float(np.median(half))), 1e-300))
    step = max(float(np.median(np.abs(np.diff(values)))), 1e-300)
    gained = max(start, float(values[0])) - best
    if of == "fall":
        return gained / step
    if of == "rise":
        return (end - best) / max(gained, NOISE * step)
    third, last = (float(np.median(part)) for part in np.array_split(values, 4)[2:])
    return (third - last) / max(start - best, NOISE * step)


def general_state(model: LatentModel, data: DataSet, streams: Streams) -> dict[str, Tensor]:
    """Return what every family is asked for, [S] each.

    - latent_use: 1 minus the squared error of decode(encode(x)) over that with the latent of another example
    - sample_spread: standard deviation of samples over that of test data, both means over dimensions
    """
    found = {}
    x = next(data.chunks("test", streams, EXAMPLES, EXAMPLES)).x
    if model.latent > 0:
        z = model.encode(x, streams)
        own, other = ((x - model.decode(latent)).square().mean((1, 2)) for latent in (z, z.roll(1, 1)))
        found["latent_use"] = 1 - own / other
    if model.generative:
        samples = model.sample(SAMPLES, streams)
        found["sample_spread"] = samples.std(1).mean(-1) / x.std(1).mean(-1)
    return found


def read_curves(run: RunPaths, members: int) -> Curves:
    """Return the curves of a run; NaN where a value is not finite."""
    tail = MetricsTail(run.metrics)
    found: dict[str, list[list[float]]] = {}
    while rows := tail.read()[1]:
        for row in rows:
            for name, values in row["values"].items():
                if isinstance(values, list) and len(values) == members:
                    own = [math.nan if (v := number(value)) is None else v for value in values]
                    found.setdefault(f"{row.get('split')}:{name}", []).append(own)
    return {key: np.array(points) for key, points in found.items()}
