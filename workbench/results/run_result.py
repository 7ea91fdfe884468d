"""What a finished run reports, read with care from its folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from workbench.spec.health import Health
from workbench.store.details import curve_ends, read_settings
from workbench.store.evaluations import newest_health, read_evaluations
from workbench.store.json_fields import items, number, read_table, table, whole
from workbench.store.paths import HEALTH, RunPaths
from workbench.store.state import outcome_of


@dataclass(frozen=True)
class Measured:
    """One final metric: `values` per seed, their standard `errors` over `n` examples or draws."""

    values: dict[int, float | None]
    errors: dict[int, float | None] = field(default_factory=dict)
    n: int = 0


@dataclass(frozen=True)
class Outcome:
    """The content of one result.json. `diverged` maps a seed to its first bad step; its values are None."""

    run_id: str
    seeds: tuple[int, ...]
    metrics: dict[str, Measured]
    diverged: dict[int, int]
    conditions: dict[str, str] = field(default_factory=dict)  # how a later evaluation got a metric
    health: dict[int, Health] = field(default_factory=dict)  # the verdict on each seed
    made_by: tuple[str, str] = ("", "")  # commit and version of torch, empty where unknown
    place: str = ""  # device and host, between which times are not compared
    stopped: dict[int, int] = field(default_factory=dict)  # seeds that patience ended early: the step kept
    from_curves: dict[str, str] = field(default_factory=dict)  # metrics of the last point of a curve: which

    def shared(self, key: str) -> float | None:
        """Return the value that all seeds of the run share, such as the training time of all together."""
        known = [value for value in self.metrics.get(key, Measured({})).values.values() if value is not None]
        return max(known, default=None)


def read_outcome(paths: RunPaths, curves: Iterable[str] = ()) -> Outcome | None:
    """Read a run's result; None if it has none yet or it cannot be read. Damaged entries are left out.

    Those of the metrics `curves` that neither the result nor an evaluation has are the last point of their
    curve, on test data if it has one.
    """
    result = read_table(paths.result)
    seeds = tuple(seed for seed in items(result.get("seeds")) if isinstance(seed, int))
    if outcome_of(result) is None or not seeds:
        return None
    diverged = {int(k): whole(v) for k, v in table(result.get("diverged")).items() if k.isdecimal()}
    metrics = {}
    for name, entry in table(result.get("metrics")).items():
        values = items(table(entry).get("values"))
        if len(values) == len(seeds):
            metrics[name] = _measured(table(entry), seeds, diverged)
    seconds = number(result.get("seconds"))
    if seconds is not None and "training_seconds" not in metrics:
        metrics["training_seconds"] = Measured(dict.fromkeys(seeds, seconds), n=1)
    environment = read_table(paths.environment)
    host = table(environment.get("host")).get("name", "")
    commit = str(table(environment.get("git")).get("commit") or "")
    made_by = commit[:7], str(table(environment.get("packages")).get("torch") or "")
    place = f"{result.get('device', '')} {host}".strip()
    later, conditions = _later(paths, seeds, diverged)
    verdicts = newest_health(result, read_table(paths.root / HEALTH))
    health = dict(zip(seeds, verdicts, strict=False))
    ends, from_curves = _ends(paths, seeds, diverged, set(curves) - later.keys() - metrics.keys())
    stopped = _stopped(paths, result, metrics.get("best_step"))
    found = ends | later | metrics
    return Outcome(paths.id, seeds, found, diverged, conditions, health, made_by, place, stopped, from_curves)


def _ends(
    paths: RunPaths, seeds: tuple[int, ...], diverged: dict[int, int], keys: Iterable[str]
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Return metrics from the last points of curves, and which curve each is of."""
    wanted = set(keys)
    ends = curve_ends(paths) if wanted else {}
    metrics, curves = {}, {}
    for key in wanted:
        split = next(
            (one for one in ("test", "train") if len(ends.get(f"{key}.{one}", ())) == len(seeds)), ""
        )
        if split:
            values = zip(seeds, map(number, ends[f"{key}.{split}"]), strict=True)
            metrics[key] = Measured({s: None if s in diverged else value for s, value in values})
            curves[key] = f"{split} curve"
    return metrics, curves


def _stopped(paths: RunPaths, result: dict[str, Any], best: Measured | None) -> dict[int, int]:
    """Return the seeds that patience stopped before the end, and the step whose state each keeps."""
    if best is None:
        return {}
    settings = read_settings(paths)
    total, step = whole(read_table(paths.progress).get("total")), whole(result.get("step"))
    every = whole(settings.get("evaluation.every")) or max(1, total // 20)
    patience = whole(settings.get("training.patience"))
    known = {seed: int(value) for seed, value in best.values.items() if value is not None}
    points = {seed: step // every - kept // every for seed, kept in known.items()}  # since the best one
    return {seed: known[seed] for seed in known if patience and points[seed] >= patience}


def _later(
    paths: RunPaths, seeds: tuple[int, ...], diverged: dict[int, int]
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Return what was measured after the run's end, the newest of each metric, and the settings of each."""
    metrics, conditions = {}, {}
    for found in read_evaluations(paths):
        if found.seeds != seeds:
            continue
        for name, entry in found.metrics.items():
            values = {s: None if s in diverged else v for s, v in zip(seeds, entry.values, strict=True)}
            metrics[name] = Measured(values, dict(zip(seeds, entry.se or (), strict=False)), entry.n)
            conditions[name] = ", ".join(f"{key}={value}" for key, value in sorted(found.settings.items()))
    return metrics, conditions


def _measured(entry: dict[str, Any], seeds: tuple[int, ...], diverged: dict[int, int]) -> Measured:
    # What a diverged member was left with is not a measurement, even where it is finite.
    values = {
        seed: None if seed in diverged else number(value)
        for seed, value in zip(seeds, entry["values"], strict=True)
    }
    errors = dict(zip(seeds, map(number, items(entry.get("se"))), strict=False))
    return Measured(values, errors, whole(entry.get("n")))
