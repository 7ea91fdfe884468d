"""Curves over training: mean over seeds with a band, train and test, one run or several over each other."""

from __future__ import annotations

import math
from typing import Any

from workbench.api.live import LiveRun, Series
from workbench.results.series import AXES, BANDS
from workbench.spec.metrics import metric as metric_named
from workbench.text import safe_text
from workbench.ui.canvas.frame import Frame, Part
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.plot import Area, Curve, plot
from workbench.ui.widgets.pane import Pane, message, waiting
from workbench.ui.widgets.values import SMOOTH, dash_sign, lost, with_spread

NAMES = {"step": "step", "epoch": "epoch", "time": "training time"}


class CurvePane(Pane):
    """One metric of one run (train and test), or of several runs (one split)."""

    TITLE = "curves"

    def __init__(self, metric: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.runs: list[tuple[str, LiveRun]] = []
        self.metric = metric  # empty: the loss, or else the first there is
        self.axis = AXES[0]
        self.band = BANDS[0]
        self.log_y = False
        self.smooth = False
        self._tell()

    def show(self, live: LiveRun | None) -> None:
        """Show one run with its train and test curves."""
        self.runs = [] if live is None else [(live.label, live)]
        super().show(live)

    def show_many(self, runs: list[tuple[str, LiveRun]]) -> None:
        """Show several runs over each other, each under the label given."""
        self.runs = [(safe_text(label, 40, one_line=True), live) for label, live in runs]
        super().show(runs[0][1] if runs else None)

    def source(self) -> Any:
        return tuple(
            (id(live), live.versions["metrics"], None if live.names() else live.version)
            for _, live in self.runs
        )

    def metrics(self) -> list[str]:
        """Return the names of all metrics there are curves of, the loss first."""
        names = dict.fromkeys(name for _, live in self.runs for name, _ in live.names())
        return sorted(names, key=lambda name: name != "loss")

    def next_metric(self) -> None:
        """Show the next metric."""
        names = self.metrics()
        if names:
            here = names.index(self._metric()) if self._metric() in names else -1
            self.metric = names[(here + 1) % len(names)]
            self._tell()

    def toggle_log(self) -> None:
        """Draw the y axis in decades, or linearly again."""
        self.log_y = not self.log_y
        self._tell()

    def next_axis(self) -> None:
        """Use steps, epochs or training time as the x axis."""
        self.axis = AXES[(AXES.index(self.axis) + 1) % len(AXES)]
        self._tell()

    def toggle_smooth(self) -> None:
        """Draw a moving average, with the raw line faint behind it."""
        self.smooth = not self.smooth
        self._tell()

    def next_band(self) -> None:
        """Let the band show the extremes over seeds, or ± one standard deviation."""
        self.band = BANDS[(BANDS.index(self.band) + 1) % len(BANDS)]
        self._tell()

    def _metric(self) -> str:
        names = self.metrics()
        return self.metric if self.metric in names or not names else names[0]

    def _tell(self) -> None:
        parts = [NAMES[self.axis], *["log y"] * self.log_y, *[f"EMA {SMOOTH:g}"] * self.smooth, self.band]
        self.border_subtitle = " · ".join(parts)
        self.changed()

    def draw(self, frame: Frame, palette: Palette) -> None:
        name = self._metric()
        found = self._found(name)
        if not found:
            message(frame, palette, waiting(self.live, "The first point of the curves is on its way."))
            return
        curves, entries = [], []
        longest = max(len(series) for _, series, _, _ in found)
        for label, series, colour, dash in found:
            curves.append(self._curve(palette, series, colour, dash, longest))
            entries.append((label, series, curves[-1]))
        top = self._header(frame, palette, name, entries)
        plot(frame, palette, Area(
            0, top, frame.width, frame.height - top, log_y=self.log_y, x_name=NAMES[self.axis],
            time=self.axis == "time",
        ), curves)  # fmt: skip

    def _found(self, name: str) -> list[tuple[str, Series, int, int]]:
        """Return (label, series, colour, dash) of every curve to draw."""
        if len(self.runs) == 1:
            live = self.runs[0][1]
            splits = [split for metric, split in live.names() if metric == name]
            curves = [
                (split, live.series(name, split)) for split in sorted(splits, key=lambda s: s != "train")
            ]
            return [(split, series, k, k) for k, (split, series) in enumerate(curves) if len(series)]
        # Several runs: the split that all of them have, test before train, since that is what counts.
        having = [{split for metric, split in live.names() if metric == name} for _, live in self.runs]
        common = set.intersection(*having) if having else set()
        split = "test" if "test" in common else "train"
        many = [(label, live.series(name, split)) for label, live in self.runs]
        return [(f"{label} {split}", series, k, k) for k, (label, series) in enumerate(many) if len(series)]

    def _curve(self, palette: Palette, series: Series, colour: int, dash: int, longest: int) -> Curve:
        n = len(series)
        low, high = series.band(self.band)
        mean, banded = series.mean[:n], series.seeds > 1
        # The average spans the same stretch of training for all: sparse test points are averaged less.
        decay = SMOOTH**2 ** round(math.log2(longest / n))
        return Curve(
            x=series.x(self.axis)[:n],
            y=series.ema(decay)[:n] if self.smooth else mean,
            style=palette.line(colour),
            low=low[:n] if banded else None,
            high=high[:n] if banded else None,
            band_style=palette.line(colour, 0.3) if banded else None,
            raw=mean if self.smooth else None,
            raw_style=palette.line(colour, 0.5) if self.smooth else None,
            dash=0 if palette.look.distinct and len(self.runs) > 1 else dash,
            marks=series.broken()[:n],
        )

    def _header(
        self, frame: Frame, palette: Palette, name: str, entries: list[tuple[str, Series, Curve]]
    ) -> int:
        """Write what is shown and the newest values; return how many rows that took."""
        unit = metric_named(name).unit
        rows = 0
        if frame.height >= 9:
            seeds = max(series.seeds for _, series, _ in entries)
            hidden = sum(int((series.values <= 0).sum()) for _, series, _ in entries) if self.log_y else 0
            about = [
                f", {unit}" if unit else "",
                f" · mean of {seeds} seeds, band {self.band}" if seeds > 1 else "",
                f" · {hidden} values ≤ 0 have no logarithm" if hidden else "",
                " · smoothed, raw behind" if self.smooth else "",
            ]
            parts: list[Part] = [(metric_named(name).label, palette.bold())]
            frame.parts(0, 0, [*parts, *((text, palette.faint(0.75)) for text in about)])
            rows = 1
        x, most = 0, max(1, frame.height // 6)
        for k, (label, series, curve) in enumerate(entries):
            texts = with_spread(f" {label}", series)
            broken = lost(series)
            if x and x + 3 + len(texts[0]) + len(broken) > frame.width and most > 1:
                rows, x, most = rows + 1, 0, most - 1
            if rows >= frame.height:
                break
            if x + 2 + len(texts[1]) > frame.width:
                continue
            x = frame.put(x, rows, dash_sign(palette, curve.dash), curve.style)
            told: list[Part] = [(texts, palette.text()), (broken, palette.warn())]
            if unit and not rows and k + 1 == len(entries):
                told.insert(1, (f" {unit}", palette.text()))
            x = frame.parts(x, rows, told) + 2
        return rows + 1
