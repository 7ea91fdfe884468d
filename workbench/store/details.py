"""What a filter may ask of a run beyond its row: settings, estimates, and the last point of each curve."""

from __future__ import annotations

from typing import Any

from workbench.store.evaluations import read_evaluations
from workbench.store.files import log_tail, read_toml
from workbench.store.json_fields import number, read_table, table
from workbench.store.metrics import parse_row
from workbench.store.paths import RunPaths

CURVES_END = 1 << 14  # bytes of metrics.jsonl that are searched for the last point of a curve


def read_settings(paths: RunPaths) -> dict[str, Any]:
    """Return the run's settings by dotted key, such as "model.latent"; empty if they cannot be read.

    Read as plain TOML: a run of a newer layout, or of a family that is not installed, still has settings.
    """
    try:
        return flat(read_toml(paths.spec) or {})
    except RecursionError:
        return {}


def brief_settings(paths: RunPaths) -> dict[str, Any]:
    """Return what `read_settings` does, without parsing TOML if origin.json repeats it, as since 0.2.0."""
    repeated = table(read_table(paths.origin).get("brief")).get("settings")
    return repeated if isinstance(repeated, dict) else read_settings(paths)


def read_numbers(paths: RunPaths) -> dict[str, float]:
    """Return means over seeds of estimates and of the last point of each curve, where they are finite.

    A curve is found as "name.split", and under its name, which means training if it has several splits.
    """
    numbers: dict[str, float | None] = {key: _mean(values) for key, values in curve_ends(paths).items()}
    for key in list(numbers):
        name, _, split = key.rpartition(".")
        if split == "train" or f"{name}.train" not in numbers:
            numbers[name] = numbers[key]
    for evaluation in read_evaluations(paths):  # oldest first
        numbers |= {name: _mean(list(entry.values)) for name, entry in evaluation.metrics.items()}
    return {key: value for key, value in numbers.items() if value is not None}


def curve_ends(paths: RunPaths) -> dict[str, list[Any]]:
    """Return the last point of each curve as "name.split": one value a seed, as written."""
    found: dict[str, list[Any]] = {}
    for line in log_tail(paths.metrics, CURVES_END).splitlines():  # a later line replaces an earlier one
        row = parse_row(line.encode()) or {"values": {}}
        split = str(row.get("split", "train"))
        for name, values in row["values"].items():
            found[f"{name}.{split}"] = values if isinstance(values, list) else [values]
    return found


def flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _mean(values: list[Any]) -> float | None:
    """Return the mean of the values that are finite numbers, None if none is."""
    known = [value for value in map(number, values) if value is not None]
    return sum(known) / len(known) if known else None
