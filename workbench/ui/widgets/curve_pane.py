"""Curves over training: mean over seeds with a band, train and test, one run or several overlaid."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from workbench.api.live import LiveRun, Series
from workbench.results.series import AXES, BANDS
from workbench.spec.metrics import metric as metric_named
from workbench.ui.canvas.frame import Frame, Part
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.plot import Area, Curve, plot
from workbench.ui.formatting import line
from workbench.ui.widgets.pane import Pane, message, waiting
from workbench.ui.widgets.values import SMOOTH, curve_of, dash_sign, lost, with_spread

NAMES = {"step": "step", "epoch": "epoch", "time": "training time"}


class CurvePane(Pane):
    """One metric of one run (train and test), or of several runs (one split)."""

    HELP = "Show the curves of the metrics over training."
    CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {
        "axis": AXES, "band": BANDS, "log_y": (False, True), "smooth": (False, True),
    }  # fmt: skip

    axis: Any
    band: Any
    log_y: bool
    smooth: bool

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.runs: list[tuple[str, LiveRun]] = []
        self.metric = ""  # empty, or a metric without curves: the loss, or else the first one
        self.changed()

    def show(self, live: LiveRun | None) -> None:
        """Show one run with its train and test curves."""
        self.runs = [] if live is None else [(live.label, live)]
        super().show(live)

    def show_many(self, runs: list[tuple[str, LiveRun]]) -> None:
        """Overlay several runs, each under the label given."""
        self.runs = [(line(label, 40), live) for label, live in runs]
        super().show(runs[0][1] if runs else None)

    def source(self) -> Any:
        return super().source(), [(id(live), live.versions["metrics"]) for _, live in self.runs]

    def changed(self) -> None:
        """Draw again, with the options in force under the pane."""
        parts = [NAMES[self.axis], *["log y"] * self.log_y, *[f"EMA {SMOOTH:g}"] * self.smooth, self.band]
        if self.border_subtitle != " · ".join(parts):  # setting it draws the whole pane again
            self.border_subtitle = " · ".join(parts)
        super().changed()

    def metrics(self) -> list[str]:
        """Return the names of all metrics with curves, the shown one first, then the others from there on.

        The order is that of the files, but the loss leads.
        """
        names = dict.fromkeys(name for _, live in self.runs for name, _ in live.names())
        ordered = sorted(names, key=lambda name: name != "loss")
        here = ordered.index(self.metric) if self.metric in ordered else 0
        return ordered[here:] + ordered[:here]

    def step_metric(self, by: int) -> None:
        """Show the metric `by` places further, round and round."""
        names = self.metrics()
        if names:
            self.metric = names[by % len(names)]
            self.changed()

    def draw(self, frame: Frame, palette: Palette) -> None:
        name = next(iter(self.metrics()), self.metric)
        found = self._found(name)
        if not found:
            message(frame, palette, waiting(self.live, "The curves have no points yet."))
            return
        longest = max(len(series) for _, series, _, _ in found)
        entries = []
        for label, series, colour, dash in found:
            if palette.look.distinct and len(self.runs) > 1:
                dash = 0
            # The average spans the same stretch of training for all: sparse test points are averaged less.
            decay = SMOOTH**2 ** round(math.log2(longest / len(series))) if self.smooth else None
            curve = curve_of(palette, series, colour, dash, decay, self.axis, self.band)
            entries.append((label, series, curve))
        top = self._header(frame, palette, name, entries)
        plot(frame, palette, Area(
            0, top, frame.width, frame.height - top, log_y=self.log_y, x_name=NAMES[self.axis],
            time=self.axis == "time",
        ), [curve for _, _, curve in entries])  # fmt: skip

    def _found(self, name: str) -> list[tuple[str, Series, int, int]]:
        """Return (label, series, colour, dash) of every curve to draw."""
        having = [{split for metric, split in live.names() if metric == name} for _, live in self.runs]
        if len(self.runs) == 1:
            live = self.runs[0][1]
            splits = sorted(having[0], key=lambda split: (split != "train", split))
            curves = [(split, live.series(name, split)) for split in splits]
        else:  # the split that all of them have, test before train, since that is what counts
            common = set.intersection(*having) if having else set()
            split = "test" if "test" in common else "train"
            curves = [(f"{label} {split}", live.series(name, split)) for label, live in self.runs]
        return [(label, series, k, k) for k, (label, series) in enumerate(curves) if len(series)]

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
            entry: list[Part] = [(texts, palette.text()), (broken, palette.warn())]
            if unit and not rows and k + 1 == len(entries):
                entry.insert(1, (f" {unit}", palette.text()))
            x = frame.parts(x, rows, entry) + 2
        return rows + 1
