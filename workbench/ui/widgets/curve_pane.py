"""Curves over training: mean over seeds with a band, train and test, one run or several overlaid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from workbench.api.live import LiveRun, Series
from workbench.results.series import AXES, BANDS, log10
from workbench.spec.metrics import metric as metric_named
from workbench.ui.canvas.axes import short
from workbench.ui.canvas.frame import Frame, Part
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.plot import Area, Curve, Placed, plot
from workbench.ui.canvas.spans import robust_span, zoomed
from workbench.ui.formatting import line
from workbench.ui.labels import squeezed
from workbench.ui.widgets.metric_plots import places
from workbench.ui.widgets.pane import Pane, message, waiting
from workbench.ui.widgets.values import SMOOTHING, curve_of, dash_sign, decay_of, lost, with_spread

NAMES = {"step": "step", "epoch": "epoch", "time": "training time"}
MOST_ZOOM = 1024.0
ENDS = 9  # cells for values at the ends of lines, in plots of at least WIDE cells
WIDE = 60
Entry = tuple[str, Series, Curve]


class CurvePane(Pane):
    """Metrics of one run (train and test), or of several runs (one split), in one plot each."""

    HELP = "Show the curves of the metrics over training."
    CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {
        "axis": AXES, "band": BANDS, "log_y": (False, True), "smooth": tuple(SMOOTHING),
        "log_x": (False, True), "y_range": ("robust", "all"),
    }  # fmt: skip

    axis: Any
    band: Any
    log_y: bool
    log_x: bool
    smooth: str
    y_range: str

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.runs: list[tuple[str, LiveRun]] = []
        self.metric = ""  # empty, or a metric without curves: the loss, or else the first one
        self.picked: tuple[str, ...] = ()  # several metrics, each with a plot of its own
        self.zoom = 1.0
        self.centre = 0.5  # of the zoomed part, as a share of the whole range
        self.cursor: float | None = None  # where curves are read, as a share of what is shown
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
        parts = [
            NAMES[self.axis], *["log x"] * self.log_x, *["log y"] * self.log_y,
            *[f"{self.smooth} smoothing"] * (self.smooth != "off"), *["all of y"] * (self.y_range == "all"),
            *[f"zoom {self.zoom:g}"] * (self.zoom > 1), self.band,
        ]  # fmt: skip
        if self.border_subtitle != " · ".join(parts):  # setting it draws the whole pane again
            self.border_subtitle = " · ".join(parts)
        super().changed()

    # the metrics, the part of them that is shown, and where they are read

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
            self.metric, self.picked = names[by % len(names)], ()
            self.changed()

    def pick(self, names: tuple[str, ...]) -> None:
        """Show these metrics, each in a plot of its own; they stay when another run is shown."""
        self.picked = names if len(names) > 1 else ()
        self.metric = names[0] if names else ""
        self.changed()

    def zoom_by(self, factor: float) -> None:
        """Show a narrower or wider part of x around the cursor, or around the middle."""
        here = 0.5 if self.cursor is None else self.cursor
        left, right = zoomed((0.0, 1.0), self.zoom, self.centre)
        self.centre = left + here * (right - left) if factor > 1 else self.centre
        self.zoom = min(MOST_ZOOM, max(1.0, self.zoom * factor))
        self.changed()

    def move_cursor(self, by: float) -> None:
        """Move the line at which curves are read; beyond an edge, move the zoomed part."""
        there = by + (1.0 if self.cursor is None and by < 0 else self.cursor or 0.0)
        if not 0 <= there <= 1 and self.zoom > 1:
            self.centre = min(1.0, max(0.0, self.centre + by / self.zoom))
        self.cursor = min(1.0, max(0.0, there))
        self.changed()

    def reset_view(self) -> None:
        """Show the whole range, without the line."""
        if self.zoom > 1 or self.cursor is not None:
            self.zoom, self.centre, self.cursor = 1.0, 0.5, None
            self.changed()

    # drawing

    def draw(self, frame: Frame, palette: Palette) -> None:
        known = self.metrics()
        picked = [name for name in self.picked if name in known]
        if len(picked) < 2:
            self._draw_one(frame, palette, next(iter(known), self.metric), (0, 0, frame.width, frame.height))
            return
        across, down = places(len(picked), frame.width, frame.height)
        width, height = (frame.width - (across - 1)) // across, frame.height // down
        for k, name in enumerate(picked[: across * down]):
            at = (k % across * (width + 1), k // across * height, width, height)
            self._draw_one(frame, palette, name, at)

    def _draw_one(self, frame: Frame, palette: Palette, name: str, at: tuple[int, int, int, int]) -> None:
        """Draw one metric into a rectangle (x, y, width, height)."""
        x, y, width, height = at
        part = Frame(width, height, palette)
        found = self._found(name)
        if not found:
            message(part, palette, waiting(self.live, "The curves have no points yet."))
            frame.paste(x, y, part)
            return
        entries = []
        for label, series, colour, dash in found:
            if palette.look.distinct and len(self.runs) > 1:
                dash = 0
            decay = decay_of(self.smooth, series)
            curve = curve_of(palette, series, colour, dash, decay, self.axis, self.band)
            entries.append((label, series, replace(curve, x=log10(curve.x)) if self.log_x else curve))
        curves = [curve for _, _, curve in entries]
        span = self._x_span(curves)
        read = None if self.cursor is None else span[0] + self.cursor * (span[1] - span[0])
        top = self._header(part, palette, name, entries, read)
        ends = ENDS if width >= WIDE and height - top >= 6 else 0
        placed = plot(part, palette, Area(
            0, top, width - ends, height - top, log_y=self.log_y, x_name=NAMES[self.axis],
            time=self.axis == "time", x_span=span, log_x=self.log_x,
            y_span=robust_span(curves, span, log=self.log_y) if self.y_range == "robust" else None,
        ), curves)  # fmt: skip
        if placed is not None:
            self._mark(part, palette, placed, entries, read, ends)
        frame.paste(x, y, part)

    def _x_span(self, curves: list[Curve]) -> tuple[float, float]:
        """Return the range of x that is shown."""
        finite = [x for x in (curve.x[np.isfinite(curve.x)] for curve in curves) if len(x)]
        if not finite:
            return 0.0, 1.0
        whole = min(float(x.min()) for x in finite), max(float(x.max()) for x in finite)
        return zoomed(whole, self.zoom, self.centre) if whole[1] > whole[0] else whole

    def _mark(
        self, frame: Frame, palette: Palette, placed: Placed, entries: list[Entry], read: float | None,
        ends: int,
    ) -> None:  # fmt: skip
        """Draw the line at which curves are read, and the newest values at the ends of the lines."""
        if read is not None and (column := placed.column(read)) is not None:
            frame.column(column, placed.y, placed.height, "│", palette.faint(0.75))
        taken: set[int] = set()
        for _, series, curve in entries if ends else []:
            finite = np.flatnonzero(np.isfinite(series.mean))
            value = float(series.mean[finite[-1]]) if len(finite) else float("nan")
            drawn = float(log10(np.array([value]))[0]) if self.log_y else value
            here = placed.row(drawn) if np.isfinite(drawn) else None
            near = () if here is None else (here, here - 1, here + 1)
            row = next((row for row in near if row not in taken and 0 <= row < frame.height), None)
            if row is not None:
                taken.add(row)
                frame.put(placed.x + placed.width + 1, row, short(value, 4), curve.style)

    def _splits(self, name: str, live: LiveRun) -> set[str]:
        """Return the splits of which a run has points of a metric."""
        return {split for metric, split in live.names() if metric == name and len(live.series(name, split))}

    def _found(self, name: str) -> list[tuple[str, Series, int, int]]:
        """Return (label, series, colour, dash) of every curve; a run has one colour for all metrics."""
        if len(self.runs) == 1:
            live = self.runs[0][1]
            splits = sorted(self._splits(name, live), key=lambda split: (split != "train", split))
            return [(split, live.series(name, split), k, k) for k, split in enumerate(splits)]
        # the split that all runs with the metric have, test before train, since that is what counts
        having = [found for _, live in self.runs if (found := self._splits(name, live))]
        common = set.intersection(*having) if having else set()
        split = "test" if "test" in common else "train"
        curves = [
            (f"{label} {split}", live.series(name, split), k, k) for k, (label, live) in enumerate(self.runs)
        ]
        return [curve for curve in curves if len(curve[1])]

    def _header(
        self, frame: Frame, palette: Palette, name: str, entries: list[Entry], read: float | None
    ) -> int:
        """Write what is shown, the values, and which runs lack the metric; return the rows that took."""
        unit = metric_named(name).unit
        rows = 0
        if frame.height >= 9:
            seeds = max(series.seeds for _, series, _ in entries)
            hidden = sum(int((series.values <= 0).sum()) for _, series, _ in entries) if self.log_y else 0
            where = short(10**read if self.log_x else read, 6) if read is not None else ""
            about = [
                f" · at {NAMES[self.axis]} {where}" if where else "",
                f", {unit}" if unit else "",
                f" · mean of {seeds} seeds, band {self.band}" if seeds > 1 else "",
                f" · {hidden} values ≤ 0 have no logarithm" if hidden else "",
                " · smoothed, raw behind" if self.smooth != "off" else "",
            ]
            parts: list[Part] = [(metric_named(name).label, palette.bold())]
            frame.parts(0, 0, [*parts, *((text, palette.faint(0.75)) for text in about)])
            rows = 1
        x, last = 0, max(rows, frame.height // 2)  # the row that the legend may fill
        for k, (label, series, curve) in enumerate(entries):
            place = None if read is None else nearest(curve.x, read)
            texts, broken = with_spread(f" {label}", series, place), lost(series) if read is None else ""
            if x and x + 3 + len(texts[0]) + len(broken) > frame.width:
                if rows == last:
                    frame.parts(x, rows, [(f"+{len(entries) - k}", palette.warn())])
                    break
                rows, x = rows + 1, 0
            if rows >= frame.height:
                break
            room = max(1, frame.width - 2)
            texts = tuple(text for text in texts if len(text) <= room) or (squeezed(texts[1], room),)
            x = frame.put(x, rows, dash_sign(palette, curve.dash), curve.style)
            entry: list[Part] = [(texts, palette.text()), (broken, palette.warn())]
            if unit and not rows and k + 1 == len(entries):
                entry.insert(1, (f" {unit}", palette.text()))
            x = frame.parts(x, rows, entry) + 2
        missing = [label for label, live in self.runs if not self._splits(name, live)]
        if missing and len(self.runs) > 1 and rows < last:
            rows += 1
            text = f"without {metric_named(name).label}: {', '.join(missing)}"
            frame.put(0, rows, squeezed(text, frame.width), palette.warn())
        return rows + 1


def nearest(x: Any, value: float) -> int:
    """Return the index of the finite position nearest to a value; 0 where there is none."""
    distance = np.abs(np.where(np.isfinite(x), x, np.inf) - value)
    return int(np.argmin(distance)) if len(x) else 0
