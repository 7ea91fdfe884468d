"""A measured number in one line: its label, spread, unit, and what stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.results.table import number_cell, spread_cell
from workbench.spec.metrics import metric
from workbench.text import safe_text

if TYPE_CHECKING:
    from workbench.api.runs import RunRow
    from workbench.api.stores import Store

SHARED = ("_null", "_null_95")  # measured on the data alone: one number for all seeds


def result_lines(store: Store, row: RunRow) -> list[str]:
    """Return a line for each metric of a run's result; none while it has no result."""
    from workbench.api.evaluations import results_of

    found = results_of(store, row.id)
    return [measured_line(name, entry.values, entry.se, entry.n) for name, entry in found.items()]


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
    if known:
        text = (spread_cell(known[0], error, n) if shared else number_cell(values, se=error)).text
    if len(values) > 1 and not shared:
        of_all = f" of {len(values)}" if len(known) < len(values) else ""
        behind.append(f"{len(known)}{of_all} seeds")
    if n > 1:
        behind.append(f"n={n}")
    if len(known) > 1 and error is not None and not shared:
        behind.append(f"SE of one {error:.2g}")
    tail = f"  [{', '.join(behind)}]" if behind else ""
    label = safe_text(about.label, 40, one_line=True)
    words = f"{text} {about.unit if unit is None else unit}".rstrip()
    return f"{label:<28} {safe_text(words, 200, one_line=True)}{tail}".rstrip()
