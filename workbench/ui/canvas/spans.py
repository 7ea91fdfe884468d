"""Ranges of axes: one that a few wild points do not own, and a part of it to look at closely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.results.series import Floats, log10
from workbench.ui.canvas.plot import Curve

SHARE = 0.02  # of the points at either end that a robust range may leave out
GAIN = 3.0  # times that leaving them out must narrow the range to be worth it


def robust_span(
    curves: Sequence[Curve], x_span: tuple[float, float] | None, *, log: bool
) -> tuple[float, float] | None:
    """Return a range of y that leaves out the few extreme points, in decades if `log`; None to show all.

    Points outside `x_span` do not count. The newest value of each curve is always inside.
    """
    found: list[Floats] = []
    last: list[float] = []
    for curve in curves:
        n = min(len(curve.x), len(curve.y))
        values = log10(curve.y[:n]) if log else np.asarray(curve.y[:n])
        inside = np.isfinite(values)
        if x_span is not None:
            inside &= (curve.x[:n] >= x_span[0]) & (curve.x[:n] <= x_span[1])
        kept = values[inside]
        if len(kept):
            found.append(kept)
            last.append(float(kept[-1]))
    if not found:
        return None
    every = np.concatenate(found)
    low, high = (float(value) for value in np.quantile(every, (SHARE, 1 - SHARE)))
    low, high = min(low, *last), max(high, *last)
    whole = float(every.max()) - float(every.min())
    if len(every) < 20 or not np.isfinite(whole) or high <= low or whole <= GAIN * (high - low):
        return None
    room = 0.05 * (high - low)
    return low - room, high + room


def zoomed(span: tuple[float, float], zoom: float, centre: float) -> tuple[float, float]:
    """Return the part of a span that is `zoom` times narrower around a share 0…1 of it, kept inside."""
    width = (span[1] - span[0]) / zoom
    left = span[0] + centre * (span[1] - span[0]) - width / 2
    left = min(max(left, span[0]), span[1] - width)
    return left, left + width
