"""Curves of series with their newest values in words, and the signs of their lines in legends."""

from __future__ import annotations

import math

import numpy as np

from workbench.api.live import Series
from workbench.results.series import AXES, BANDS, Axis, Band
from workbench.ui.canvas.axes import short
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.plot import Curve

# strengths of the moving average: the share of a curve that its window is
SMOOTHING = {"off": 0.0, "weak": 0.02, "strong": 0.08}
DASH_SIGNS = ("━━", "┄┄", "╶╶", "━┄")
DASH_ASCII = ("--", "..", "- ", "-.")


def curve_of(
    palette: Palette, series: Series, colour: int, dash: int = 0, decay: float | None = None,
    axis: Axis = AXES[0], band: Band = BANDS[0],
) -> Curve:  # fmt: skip
    """Return the mean over seeds with its band; with `decay`, a moving average over the faint mean."""
    n = len(series)  # first: another thread may append
    low, high = series.band(band)
    mean, banded = series.mean[:n], series.seeds > 1
    return Curve(
        x=series.x(axis)[:n],
        y=mean if decay is None else series.ema(decay)[:n],
        style=palette.line(colour),
        low=low[:n] if banded else None,
        high=high[:n] if banded else None,
        band_style=palette.line(colour, 0.3),
        raw=None if decay is None else mean,
        raw_style=palette.line(colour, 0.5),
        dash=dash,
        marks=series.broken()[:n],
    )


def decay_of(strength: str, series: Series) -> float | None:
    """Return the decay per point of a moving average, None for none.

    The window is a share of the curve, so that a curve of 30 points lags as little as one of 3,000. It grows
    as the number of points doubles: another decay means that the whole average is made again.
    """
    window = SMOOTHING[strength] * 2 ** math.floor(math.log2(max(1, len(series))))
    return 1 - 1 / window if window > 1 else None


def dash_sign(palette: Palette, dash: int) -> str:
    """Return how a legend shows the dashes of a line."""
    return (DASH_ASCII if palette.look.marker == "ascii" else DASH_SIGNS)[dash % 4]


def with_spread(label: str, series: Series, place: int | None = None) -> tuple[str, ...]:
    """Return a label with the newest value, and the same without its spread, for where room is short.

    The value is the mean over finite seeds ± their standard deviation (ddof 1); `place` is another point.
    """
    last = series.last() if place is None else series.values[place]
    finite = last[np.isfinite(last)]
    if len(finite) < 2:
        text = f"{label} {short(float(finite[0])) if len(finite) else 'not finite'}"
        return text, text
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(finite.mean()), float(finite.std(ddof=1))
    return f"{label} {short(mean)} ± {short(std, 2)}", f"{label} {short(mean)}"


def lost(series: Series) -> str:
    """Return how many seeds have no finite newest value, with the sign of such points; empty for none."""
    count = int(np.isnan(series.last()).sum())
    return f" × {count} of {series.seeds} seeds" if series.seeds > 1 and count else " ×" * bool(count)
