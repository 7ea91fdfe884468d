"""The newest values of curves in words, and the signs of their lines in legends."""

from __future__ import annotations

import numpy as np

from workbench.api.live import Series
from workbench.ui.canvas.axes import short
from workbench.ui.canvas.palette import Palette

SMOOTH = 0.9  # decay of the moving average, per point
DASH_SIGNS = ("━━", "┄┄", "╶╶", "━┄")
DASH_ASCII = ("--", "..", "- ", "-.")


def dash_sign(palette: Palette, dash: int) -> str:
    """Return how a legend shows the dashes of a line."""
    return (DASH_ASCII if palette.look.marker == "ascii" else DASH_SIGNS)[dash % 4]


def newest(series: Series) -> str:
    """Return the newest value as text: the mean over finite seeds ± their standard deviation (ddof 1)."""
    last = series.last()
    finite = last[np.isfinite(last)]
    if len(finite) == 0:
        return "not finite"
    if len(finite) == 1:
        return short(float(finite[0]))
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(finite.mean()), float(finite.std(ddof=1))
    return f"{short(mean)} ± {short(std, 2)}"


def with_spread(label: str, series: Series) -> tuple[str, ...]:
    """Return a label with the newest value, and the same without its spread, for where room is short."""
    told = newest(series)
    return f"{label} {told}", f"{label} {told.partition(' ±')[0]}"


def lost(series: Series) -> str:
    """Return how many seeds have no finite newest value, with the sign of such points; empty for none."""
    count = int(np.isnan(series.last()).sum())
    return f" × {count} of {series.seeds} seeds" if series.seeds > 1 and count else " ×" * bool(count)
