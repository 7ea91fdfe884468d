"""A measured number in one line: its label, spread, unit, seeds and sample size."""

from __future__ import annotations

from collections.abc import Sequence

from workbench import api

SHARED = ("_null", "_null_95")  # measured on the data alone: one number for all seeds


def result_lines(store: api.stores.Store, row: api.runs.RunRow) -> list[str]:
    """Return a line for each metric of a run's result, and why a seed is not healthy."""
    found = api.evaluations.results_of(store, row.id)
    lines = [measured_line(name, entry.values, entry.se, entry.n) for name, entry in found.items()]
    return [*lines, *api.runs.health_reasons(row.seeds, row.health)]


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
    about = api.evaluations.metric(name)
    shared = name.endswith(SHARED) or (n == 1 and len(set(known)) == 1)
    text, behind = "not finite", []
    if known and shared:
        text = api.evaluations.spread_cell(known[0], error, n).text
    elif known:
        text = api.evaluations.number_cell(values, se=error).text
    if len(values) > 1 and not shared:
        of_all = f" of {len(values)}" if len(known) < len(values) else ""
        behind.append(f"{len(known)}{of_all} seeds")
    if n > 1:
        behind.append(f"n={n}")
    if len(known) > 1 and error is not None and not shared:
        behind.append(f"SE of one {error:.2g}")
    tail = f"  [{', '.join(behind)}]" if behind else ""
    return f"{about.label[:40]:<28} {text} {about.unit if unit is None else unit[:80]}".rstrip() + tail
