"""What is a family's own: an LAE's chain, against its target; of other families the metrics they name."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.api.live import LiveRun, Series
from workbench.ui.canvas.axes import short
from workbench.ui.canvas.frame import Frame, Part
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.plot import Area, Curve, plot
from workbench.ui.widgets.metric_plots import draw_groups, groups_of
from workbench.ui.widgets.pane import Pane, message, waiting
from workbench.ui.widgets.values import SMOOTH, with_spread

SIDE_BY_SIDE = 64  # columns from which the step size gets a plot of its own


class ModelPane(Pane):
    """A chain's acceptance over training with the step size η beside it, or what the family names."""

    TITLE = "model"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.each = False
        self.smooth = False

    def toggle_seeds(self) -> None:
        """Draw every seed, or the mean with its band."""
        self.each = not self.each
        self.changed()

    def toggle_smooth(self) -> None:
        """Draw a moving average, with the raw line faint behind it."""
        self.smooth = not self.smooth
        self.changed()

    def source(self) -> Any:
        live = self.live
        return live and (id(live), live.versions["metrics"], None if live.names() else live.version)

    def draw(self, frame: Frame, palette: Palette) -> None:
        live = self.live
        acceptance, eta = _series(live, "acceptance"), _series(live, "step_size")
        if live is None or (acceptance is None and eta is None):
            groups = groups_of(live)
            if groups:
                draw_groups(frame, palette, groups, self._curves)
            else:
                over = live is not None and live.progress.over
                nothing = "wrote nothing but its loss." if over else "has its first points on their way."
                message(frame, palette, waiting(live, f"This model {nothing}"))
            return
        target = getattr(live.spec.model, "target_acceptance", None) if live.spec is not None else None
        top = self._header(frame, palette, live, acceptance, eta, target)
        height = frame.height - top
        beside = eta is not None and acceptance is not None and frame.width >= SIDE_BY_SIDE
        width = frame.width * 2 // 3 - 1 if beside else frame.width
        if acceptance is not None:
            curves = self._curves(palette, acceptance, 0)
            area = Area(0, top, width, height, y_span=(0.0, 1.0), level=target, level_style=palette.line(1))
            plot(frame, palette, area, curves)
        if eta is not None and (beside or acceptance is None):
            left = width + 1 if beside else 0
            n = len(eta)
            curve = Curve(eta.steps[:n], eta.mean[:n], palette.line(2), marks=eta.broken()[:n])
            plot(frame, palette, Area(left, top, frame.width - left, height, log_y=True, x_name="η"), [curve])

    def _curves(self, palette: Palette, series: Series, colour: int, dash: int = 0) -> list[Curve]:
        n, x = len(series), series.steps
        if self.each and series.seeds > 1:
            return [
                Curve(x[:n], series.values[:n, k], palette.line((0, 2, 3, 4, 5, 6)[k % 6]), dash=k % 4)
                for k in range(min(series.seeds, 12))
            ]
        low, high = series.band()
        many = series.seeds > 1
        return [
            Curve(
                x[:n],
                series.ema(SMOOTH)[:n] if self.smooth else series.mean[:n],
                palette.line(colour),
                low=low[:n] if many else None,
                high=high[:n] if many else None,
                band_style=palette.line(colour, 0.3),
                raw=series.mean[:n] if self.smooth else None,
                raw_style=palette.line(colour, 0.5),
                dash=dash,
                marks=series.broken()[:n],
            )
        ]

    def _header(
        self, frame: Frame, palette: Palette, live: LiveRun, acceptance: Series | None, eta: Series | None,
        target: float | None,
    ) -> int:  # fmt: skip
        """Write the newest values in words; return how many rows that took."""
        parts: list[Part] = []
        if acceptance is not None:
            parts.append((with_spread("acceptance", acceptance), palette.line(0)))
            if target is not None:
                parts.append(((f" · target {target:.3f}", f" ({target:.3f})"), palette.line(1)))
        if eta is not None:
            told = f"η {_mean(eta)}{_trend(eta)}"
            joint = " · " if parts else ""
            parts.append(((f"{joint}step size {told}", f"{joint}{told}"), palette.line(2)))
        ratio = _series(live, "log_ratio")
        if ratio is not None:
            parts.append((f" · log ratio {_mean(ratio)}", palette.faint(0.75)))
        frame.parts(0, 0, parts)
        return 1


def _series(live: LiveRun | None, name: str) -> Series | None:
    """Return a chain's curve (the training one first), or None if there is none with a point."""
    for metric, split in sorted(live.names() if live is not None else [], key=lambda key: key[1] != "train"):
        if metric == name and live is not None and len(live.series(metric, split)):
            return live.series(metric, split)
    return None


def _mean(series: Series) -> str:
    last = series.last()
    finite = last[np.isfinite(last)]
    return short(float(finite.mean())) if len(finite) else "not finite"


def _trend(series: Series) -> str:
    """Return an arrow if the newest value left the earlier tenth of the run by more than 5 %."""
    mean = series.mean[np.isfinite(series.mean)]
    if len(mean) < 10:
        return ""
    before, now = float(mean[-max(2, len(mean) // 10)]), float(mean[-1])
    return " ↓" if now < 0.95 * before else " ↑" if now > 1.05 * before else ""
