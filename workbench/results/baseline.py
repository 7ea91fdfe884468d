"""Differences of a table's rows from one of them, over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from workbench.results.groups import Group
from workbench.results.statistics import finite, holm, paired_t, summarise, welch
from workbench.results.table import Cell, number_text, text_cell


def difference_cells(groups: Sequence[Group | None], place: int, key: str) -> list[Cell]:
    """Return `row − baseline` of a metric for each row, with its standard error over seeds and a p-value.

    Rows whose finite seeds are those of the baseline are paired seed by seed; others are compared by Welch's
    test. The p-values are corrected for the number of rows (Holm). The baseline itself has an empty cell, and
    so has a row that must not be compared with it.
    """
    base = groups[place]

    def against(k: int, group: Group | None) -> Cell | None:
        if base is None or group is None or k == place or base.comparable(key) != group.comparable(key):
            return None
        return _difference(base, group, key)

    found = [against(k, group) for k, group in enumerate(groups)]
    corrected = holm([cell.p if cell is not None else None for cell in found])
    cells = []
    for cell, p in zip(found, corrected, strict=True):
        if cell is None:
            cells.append(text_cell(""))
            continue
        text = number_text(cell)
        if p is not None:
            text = f"{text.removesuffix(')')}{', ' if text.endswith(')') else ' ('}p={p:.2g})"
        cells.append(replace(cell, p=p, text=text))
    return cells


def method_note(baseline: str) -> str:
    """Return how differences from the row of that name were made."""
    return (
        f"Δ: difference from {baseline}, with its standard error over seeds; paired where both rows have the "
        "same seeds, else Welch's test; p-values are two-sided and corrected for the number of rows (Holm)."
    )


def _difference(base: Group, other: Group, key: str) -> Cell | None:
    first, second = base.seed_values(key), other.seed_values(key)
    a, b = ({seed: v for seed, v in found.items() if finite([v])} for found in (first, second))
    if not a or not b:
        return None
    mean = sum(b.values()) / len(b) - sum(a.values()) / len(a)  # type: ignore[arg-type]
    if a.keys() == b.keys():
        each = [b[seed] - a[seed] for seed in a]  # type: ignore[operator]
        spread = summarise(each)
        se = None if spread.std is None else spread.std / math.sqrt(spread.n)
        return Cell("number", mean=mean, se=se, n=len(each), values=tuple(each), p=paired_t(each))
    spreads = [summarise(found.values()) for found in (a, b)]
    se = None
    if all(one.std is not None for one in spreads):
        se = math.hypot(*((one.std or 0.0) / math.sqrt(one.n) for one in spreads))
    return Cell("number", mean=mean, se=se, n=min(len(a), len(b)), p=welch(a.values(), b.values()))
