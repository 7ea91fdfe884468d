"""The Markov chain of a run: acceptance against its target, step size and log ratio."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.api.live import LiveRun, Series
from workbench.ui.canvas.axes import short
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.look import Palette
from workbench.ui.canvas.plot import Area, Curve, plot
from workbench.ui.widgets.curve_pane import SMOOTH, newest
from workbench.ui.widgets.pane import Pane, message, waiting

SIDE_BY_SIDE = 64  # columns from which the step size gets a plot of its own


class ChainPane(Pane):
    """Acceptance over training (all seeds, or one by one), with the step size η beside it."""

    TITLE = "chain"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.each = False
        self.smooth = False

    def toggle_seeds(self) -> None:
        """Draw every seed's acceptance, or the mean with its band."""
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
        acceptance = _series(live, "acceptance")
        eta = _series(live, "step_size")
        if live is None or (acceptance is None and eta is None):
            message(frame, palette, waiting(live, _no_chain(live)))
            return
        target = getattr(live.spec.model, "target_acceptance", None) if live.spec is not None else None
        top = self._header(frame, palette, live, acceptance, eta, target)
        height = frame.height - top
        beside = eta is not None and acceptance is not None and frame.width >= SIDE_BY_SIDE
        width = frame.width * 2 // 3 - 1 if beside else frame.width
        if acceptance is not None:
            curves = self._curves(palette, acceptance)
            area = Area(0, top, width, height, y_span=(0.0, 1.0), level=target, level_style=palette.line(1))
            plot(frame, palette, area, curves)
        if eta is not None and (beside or acceptance is None):
            left = width + 1 if beside else 0
            n = len(eta)
            curve = Curve(eta.steps[:n], eta.mean[:n], palette.line(2), marks=eta.broken()[:n])
            plot(frame, palette, Area(left, top, frame.width - left, height, log_y=True, x_name="η"), [curve])

    def _curves(self, palette: Palette, series: Series) -> list[Curve]:
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
                palette.line(0),
                low=low[:n] if many else None,
                high=high[:n] if many else None,
                band_style=palette.line(0, 0.3),
                raw=series.mean[:n] if self.smooth else None,
                raw_style=palette.line(0, 0.5),
                marks=series.broken()[:n],
            )
        ]

    def _header(
        self, frame: Frame, palette: Palette, live: LiveRun, acceptance: Series | None, eta: Series | None,
        target: float | None,
    ) -> int:  # fmt: skip
        """Write the newest values in words; return how many rows that took."""
        x = 0
        if acceptance is not None:
            x = frame.put(0, 0, f"acceptance {newest(acceptance)}", palette.line(0))
            if target is not None:
                x = frame.put(x, 0, f" · target {target:.3f}", palette.line(1))
        if eta is not None:
            x = frame.put(x, 0, f" · step size η {_mean(eta)}{_trend(eta)}", palette.line(2))
        ratio = _series(live, "log_ratio")
        if ratio is not None:
            frame.put(x, 0, f" · log ratio {_mean(ratio)}", palette.faint(0.75))
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


def _no_chain(live: LiveRun | None) -> str:
    """Say kindly why there is nothing here."""
    model = live.spec.model if live is not None and live.spec is not None else None
    title = model.title or model.kind if model is not None else "This model"
    if getattr(model, "metropolis", None) is False:
        return "This chain has no accept step (plain Langevin).\nmodel.metropolis = true turns one on."
    if getattr(model, "target_acceptance", None) is not None:
        return "The chain's first point is on its way."
    return f"{title} has no Markov chain with an accept step.\nAn LAE run shows its acceptance here."
