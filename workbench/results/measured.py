"""Measured numbers as lines of text: their labels, spread, units, seeds and sample sizes."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.results.table import number_cell, spread_cell
from workbench.spec.health import Health, health_reasons
from workbench.spec.metrics import metric
from workbench.store.evaluations import Evaluation, read_results
from workbench.store.paths import RunPaths
from workbench.text import ago, format_duration

SHARED = ("_null", "_null_95")  # measured on the data alone: one number for all seeds


def result_lines(paths: RunPaths, seeds: Sequence[int], health: Sequence[Health]) -> list[str]:
    """Return a line for each metric of a run's result, and why a seed is not healthy."""
    found = read_results(paths)
    lines = [measured_line(name, entry.values, entry.se, entry.n) for name, entry in found.items()]
    return [*lines, *health_reasons(seeds, health)]


def evaluation_lines(found: Evaluation) -> list[str]:
    """Return an evaluation as lines: what and how, each metric over its seeds, notes, files."""
    title = found.name if found.name == found.metric else f"{found.name} ({found.metric})"
    when = f", {ago(found.finished)}" if found.finished else ""
    settings = " ".join(f"{key}={value}" for key, value in found.settings.items())
    lines = [
        settings,
        *(
            measured_line(key, entry.values, entry.se, entry.n, found.units.get(key))
            for key, entry in found.metrics.items()
        ),
        *found.notes,
        f"arrays: evaluations/{found.arrays}" if found.arrays else "",
    ]
    head = f"{title} at step {found.step}, took {format_duration(found.seconds)}{when}"
    return [head, *(f"  {text}" for text in lines if text)]


def measured_line(
    name: str,
    values: Sequence[float | None],
    errors: Sequence[float | None] | None,
    n: int,
    unit: str | None = None,
) -> str:
    """Return "label  mean ± std unit [3 seeds, n=360, SE of one 0.2]" of one value per seed.

    A single seed shows the standard error over its `n` examples or draws instead: "24.10 (SE 0.20)".
    """
    known = [value for value in values if value is not None]
    error = max((e for e in errors or () if e is not None), default=None)
    about = metric(name)
    shared = name.endswith(SHARED) or (n == 1 and len(set(known)) == 1)
    text, behind = "not finite", []
    if known and shared:
        text = spread_cell(known[0], error, n).text
    elif known:
        text = number_cell(values, se=error).text
    if len(values) > 1 and not shared:
        of_all = f" of {len(values)}" if len(known) < len(values) else ""
        behind.append(f"{len(known)}{of_all} seeds")
    if n > 1:
        behind.append(f"n={n}")
    if len(known) > 1 and error is not None and not shared:
        behind.append(f"SE of one {error:.2g}")
    tail = f"  [{', '.join(behind)}]" if behind else ""
    return f"{about.label[:40]:<28} {text} {about.unit if unit is None else unit[:80]}".rstrip() + tail
