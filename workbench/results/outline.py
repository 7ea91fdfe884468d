"""Curves of any length in bounded memory: means over seeds, thinned to their extremes while they are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from workbench.results.live import or_nan
from workbench.results.series import Floats, Series, reduce
from workbench.store.metrics import MetricsTail

MOST = 1 << 15  # points kept, far more than a picture has columns


class Outline:
    """One curve: `x` and `y`, steps and means over seeds [m], where a NaN in `y` is a gap.

    `total` points were read, of which `lost` have no finite value and `below` are 0 or less.
    """

    def __init__(self, split: str, seeds: int) -> None:
        self.split, self.seeds = split, seeds
        self.total = self.lost = self.below = 0
        self.x, self.y = np.empty(0), np.empty(0)
        self.step, self.last = 0.0, np.full(seeds, np.nan)  # of the newest point; a value per seed

    def append(self, steps: Floats, values: Floats) -> None:
        """Add k points: `steps` [k] and `values` [k, S]."""
        part = Series("", self.split, self.seeds)
        part.append(steps, steps, steps, values)
        mean = part.mean
        self.total += len(mean)
        self.lost += int(np.isnan(mean).sum())
        self.below += int((mean <= 0).sum())
        self.step, self.last = float(steps[-1]), part.last()
        self.x, self.y = np.concatenate([self.x, steps]), np.concatenate([self.y, mean])
        if len(self.x) > 2 * MOST:
            thin = reduce(self.x, self.y, MOST // 2)
            self.x, self.y = thin.x, thin.y


def outlines(tail: MetricsTail, metric: str) -> tuple[list[Outline], list[str]]:
    """Return the curves of a metric, one per split, and the names of all metrics, in order of appearance.

    Points of another number of seeds than the first of their curve are left out.
    """
    found: dict[str, Outline] = {}
    names: dict[str, None] = {}
    while True:
        before = tail.offset
        again, rows = tail.read()
        if again:
            found, names = {}, {}
        _add(found, names, rows, metric)
        if tail.offset == before:
            return [curve for curve in found.values() if curve.total], list(names)


def _add(
    found: dict[str, Outline], names: dict[str, None], rows: Iterable[dict[str, Any]], metric: str
) -> None:
    parts: dict[str, tuple[list[float], list[list[float]]]] = {}
    for row in rows:
        if not row["values"].keys() <= names.keys():
            names |= dict.fromkeys(row["values"])
        values = row["values"].get(metric)
        if values is None:
            continue
        split = str(row.get("split", "train"))
        point = [v if type(v) is float else or_nan(v) for v in (values if type(values) is list else [values])]
        if split not in found:
            found[split] = Outline(split, len(point))
        if len(point) == found[split].seeds:
            steps, points = parts.setdefault(split, ([], []))
            steps.append(or_nan(row["step"]))
            points.append(point)
    for split, (steps, points) in parts.items():
        found[split].append(np.array(steps), np.array(points))
