"""Reads what was measured on a run: its result.json, and `evaluations/<name>.json`. Trusts none of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import WorkbenchError
from workbench.spec.health import VERDICTS, Health
from workbench.store.json_fields import items, number, read_table, table, whole
from workbench.store.paths import RunPaths

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")


@dataclass(frozen=True)
class Entry:
    """One metric: `values` per seed, their standard errors `se` (same length or None), and the number `n`."""

    values: tuple[float | None, ...]
    se: tuple[float | None, ...] | None = None
    n: int = 0


@dataclass(frozen=True)
class Evaluation:
    """One file: which metric was measured, how, at which step, and what came out, per seed."""

    name: str
    metric: str
    settings: dict[str, Any]
    seeds: tuple[int, ...]
    step: int
    metrics: dict[str, Entry]
    units: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    health: tuple[Health, ...] = ()  # of each seed, where it was judged
    arrays: str | None = None
    seconds: float = 0.0
    finished: float = 0.0
    device: str = ""
    commit: str | None = None


def checked_name(name: str) -> str:
    """Return the name of an evaluation's file.

    Raises:
        WorkbenchError: for another text.
    """
    if not NAME.match(name):
        raise WorkbenchError(
            "Invalid name of an evaluation: up to 80 letters, digits, dots, dashes and underscores.",
            "For example ais-1000.",
        )
    return name


def read_evaluations(paths: RunPaths) -> list[Evaluation]:
    """Return the run's evaluations, oldest first; unreadable ones are left out."""
    try:
        names = sorted(entry.name for entry in paths.evaluations.iterdir())
    except OSError:
        return []
    stems = [name[:-5] for name in names if name.endswith(".json") and NAME.match(name[:-5])]
    found = [read_evaluation(paths, stem) for stem in stems]
    return sorted((one for one in found if one is not None), key=lambda one: (one.finished, one.name))


def read_evaluation(paths: RunPaths, name: str) -> Evaluation | None:
    """Return one evaluation, or None: absent, damaged, or of another layout."""
    body = read_table(paths.evaluations / f"{name}.json")
    if body.get("schema") != 1 or not isinstance(body.get("metric"), str):
        return None
    seeds = body.get("seeds")
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        return None
    arrays, commit = body.get("arrays"), body.get("commit")
    return Evaluation(
        name=name,
        metric=body["metric"],
        settings=table(body.get("settings")),
        seeds=tuple(seeds),
        step=whole(body.get("step")),
        metrics=_entries(body.get("metrics"), len(seeds)),
        units={str(key): str(unit) for key, unit in table(body.get("units")).items()},
        notes=tuple(str(note) for note in items(body.get("notes")) if isinstance(note, str)),
        health=read_health(body.get("health")),
        arrays=arrays if arrays == f"{name}.npz" else None,
        seconds=number(body.get("seconds")) or 0.0,
        finished=number(body.get("finished")) or 0.0,
        device=str(body.get("device", "")),
        commit=commit if isinstance(commit, str) else None,
    )


def read_results(paths: RunPaths) -> dict[str, Entry]:
    """Return what the run's own result.json measured, by metric; empty while there is no readable one."""
    body = read_table(paths.result)
    seeds = body.get("seeds")
    return _entries(body.get("metrics"), len(seeds)) if isinstance(seeds, list) else {}


def read_health(entries: Any) -> tuple[Health, ...]:
    """Return the verdict on each seed from the field `health` of a file; empty if it has no sound one."""
    found = []
    for entry in items(entries):
        verdict, reasons = table(entry).get("verdict"), items(table(entry).get("reasons"))
        if verdict not in VERDICTS:
            return ()
        found.append(Health(verdict, tuple(str(text) for text in reasons)))
    return tuple(found)


def newest_health(result: dict[str, Any], evaluation: dict[str, Any]) -> tuple[Health, ...]:
    """Return the verdicts in a run's result.json, or in its evaluations/health.json if that is newer."""
    ages = [number(body.get("finished")) or 0.0 for body in (result, evaluation)]
    bodies = (evaluation, result) if ages[1] > ages[0] else (result, evaluation)
    for body in bodies:
        found = read_health(body.get("health"))
        if found and len(found) == len(items(body.get("seeds"))):
            return found
    return ()


def _entries(metrics: Any, seeds: int) -> dict[str, Entry]:
    """Return the sound ones among the metrics of a file: those with a value for each seed."""
    found: dict[str, Entry] = {}
    for key, entry in table(metrics).items():
        fields = table(entry)
        values, errors = items(fields.get("values")), items(fields.get("se"))
        if isinstance(fields.get("values"), list) and len(values) == seeds:
            se = tuple(map(number, errors)) if len(errors) == seeds and seeds else None
            found[str(key)] = Entry(tuple(map(number, values)), se, whole(fields.get("n")))
    return found
