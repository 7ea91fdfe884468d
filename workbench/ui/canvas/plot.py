"""Curves and points with their axes on a frame; × on the x axis where a value is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.style import Style

from workbench.results.series import Floats, log10, reduce, reduce_band
from workbench.ui.canvas.axes import Ticks, ticks, widened
from workbench.ui.canvas.dots import Dots
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Palette

LEAST_FOR_X_AXIS = 5  # rows
LEAST_FOR_Y_AXIS = 18  # columns


@dataclass(frozen=True)
class Curve:
    """One line [n] with, optionally, a band around it and a faint line (the raw values) under it."""

    x: Floats
    y: Floats
    style: Style
    low: Floats | None = None
    high: Floats | None = None
    band_style: Style | None = None
    raw: Floats | None = None
    raw_style: Style | None = None
    dash: int = 0
    label: str = ""  # of one of several lines of a series, such as a seed
    marks: NDArray[np.bool_] | None = None  # points [n] to mark with × on the x axis


@dataclass(frozen=True)
class Area:
    """Where and how curves are drawn: a part of a frame, and what its axes are."""

    x: int
    y: int
    width: int
    height: int
    log_y: bool = False
    x_name: str = "step"
    time: bool = False  # x is in seconds
    y_span: tuple[float, float] | None = None  # None: what the data need
    level: float | None = None  # a value to draw a dotted line at
    level_style: Style | None = None
    x_span: tuple[float, float] | None = None
    log_x: bool = False  # the x of the curves are decades


@dataclass(frozen=True)
class Placed:
    """Where a plot has drawn: the cells of its picture, and the values at its edges (or decades)."""

    x: int
    y: int
    width: int
    height: int
    left: float
    right: float
    low: float
    high: float

    def row(self, value: float) -> int | None:
        """Return the row of cells of a value, None outside the picture."""
        share = (self.high / 2 - value / 2) / (self.high / 2 - self.low / 2)
        return self.y + round(share * (self.height - 1)) if -0.01 <= share <= 1.01 else None

    def column(self, value: float) -> int | None:
        """Return the column of cells of a position, None outside the picture."""
        share = (value - self.left) / (self.right - self.left)
        return self.x + round(share * (self.width - 1)) if -0.01 <= share <= 1.01 else None


@dataclass(frozen=True)
class Points:
    """A cloud [n]; with `mark`, a sign per point instead of a dot, for where colours are too few."""

    x: Floats
    y: Floats
    style: Style
    mark: str = ""


def plot(
    frame: Frame, palette: Palette, area: Area, curves: Sequence[Curve] = (), points: Sequence[Points] = ()
) -> Placed | None:
    """Draw into the area, with as much of the axes as fits; return where. Points need the area's spans."""
    if area.width < 1 or area.height < 1:
        return None
    left, right = _x_span(area, curves)
    with_x, with_y = area.height >= LEAST_FOR_X_AXIS, area.width >= LEAST_FOR_Y_AXIS
    rows = area.height - 2 * with_x
    low, high = _y_span(area, curves)
    y_ticks = ticks(low, high, max(1, min(6, rows // 2)), log=area.log_y) if with_y else Ticks()
    base = f"+{y_ticks.base}" if y_ticks.base else ""
    gutter = min(max((len(label) for label in y_ticks.labels), default=0), 10) + 1 if with_y else 0
    width = area.width - gutter
    dots = Dots(width, rows, palette.look.marker)
    scale = _Scale(left, right, low, high, dots.columns, dots.rows)
    _draw(frame, palette, area, curves, dots, scale)
    marks = []
    for cloud in points:
        spots = _spots(scale, cloud)
        if cloud.mark:
            marks.append((cloud, spots))
        else:
            dots.points(*spots, frame.style_number(cloud.style))
    dots.onto(frame, area.x + gutter, area.y)
    for cloud, (columns, cloud_rows) in marks:
        cells = np.unique(np.stack([cloud_rows // dots.down, columns // dots.across], 1), axis=0)
        for row, column in cells.tolist():
            frame.put(area.x + gutter + column, area.y + row, cloud.mark, cloud.style)
    axis = palette.faint(0.55)
    if with_y:
        for at, label in zip(y_ticks.at, y_ticks.labels, strict=True):
            row = round(float(scale.row(np.array([at]))[0])) // dots.down
            if 0 <= row < rows:
                shown = label[: gutter - 1]
                frame.put(area.x + gutter - 1 - len(shown), area.y + row, shown, axis)
        frame.column(area.x + gutter - 1, area.y, rows, "│", axis)
        if base:
            frame.put(area.x + gutter + 1, area.y, base, axis, area.x + area.width)
    if with_x:
        _x_axis(frame, palette, area, curves, scale, gutter, rows)
    return Placed(area.x + gutter, area.y, max(1, width), max(1, rows), left, right, low, high)


@dataclass(frozen=True)
class _Scale:
    """From values to dots."""

    left: float
    right: float
    low: float
    high: float
    columns: int
    rows: int

    def column(self, x: Floats) -> Floats:
        return (x - self.left) / (self.right - self.left) * (self.columns - 1)

    def row(self, y: Floats) -> Floats:
        # Halved: the range of ±1e308 is itself no float.
        with np.errstate(over="ignore", invalid="ignore"):
            return (self.high / 2 - y / 2) / (self.high / 2 - self.low / 2) * (self.rows - 1)


def _x_span(area: Area, curves: Sequence[Curve]) -> tuple[float, float]:
    """Return the range of all x, or the area's own."""
    if area.x_span is not None:
        return widened(*area.x_span)
    finite = [x for x in (curve.x[np.isfinite(curve.x)] for curve in curves) if len(x)]
    if not finite:
        return 0.0, 1.0
    return widened(min(float(x.min()) for x in finite), max(float(x.max()) for x in finite))


def _y_span(area: Area, curves: Sequence[Curve]) -> tuple[float, float]:
    """Return the range of all that is drawn, in decades on a log axis."""
    if area.y_span is not None:
        return widened(*area.y_span)
    least, most = np.inf, -np.inf
    for curve in curves:
        for values in (curve.y, curve.low, curve.high, curve.raw):
            if values is None or len(values) == 0:
                continue
            shown = values[values > 0] if area.log_y else values
            with np.errstate(invalid="ignore"):
                low, high = np.fmin.reduce(shown, initial=np.inf), np.fmax.reduce(shown, initial=-np.inf)
            if low <= high:
                least, most = min(least, float(low)), max(most, float(high))
    if least > most:
        return 0.0, 1.0
    if area.level is not None:
        least, most = min(least, area.level), max(most, area.level)
    if area.log_y:
        least, most = float(np.log10(least)), float(np.log10(most))
    return widened(least, most)


def _draw(
    frame: Frame, palette: Palette, area: Area, curves: Sequence[Curve], dots: Dots, scale: _Scale
) -> None:
    """Draw bands first, then raw lines, then means: what matters most is on top."""
    if dots.width < 1 or dots.height < 1:
        return
    form = log10 if area.log_y else np.asarray
    span = (scale.left, scale.right)
    mono = palette.look.colours == "none"
    for curve in curves:
        if curve.low is not None and curve.high is not None and curve.band_style is not None:
            columns, low, high = reduce_band(curve.x, curve.low, curve.high, dots.columns, span)
            if area.log_y:  # a band that reaches below zero goes down to the edge
                low, high = (
                    np.where(low > 0, form(low), np.where(np.isnan(low), np.nan, scale.low)),
                    form(high),
                )
            look = frame.style_number(curve.band_style)
            dots.band(columns, scale.row(high), scale.row(low), look, sparse=mono)
    if area.level is not None:
        row = scale.row(form(np.array([area.level, area.level])))
        look = frame.style_number(area.level_style or palette.faint(0.6))
        dots.line(np.array([0.0, dots.columns - 1.0]), row, look, dash=1)
    for curve in curves:
        if curve.raw is not None and curve.raw_style is not None:
            _line(frame, dots, scale, curve.x, form(curve.raw), curve.raw_style, 0, span)
    for curve in curves:
        _line(frame, dots, scale, curve.x, form(curve.y), curve.style, curve.dash, span)


def _line(
    frame: Frame, dots: Dots, scale: _Scale, x: Floats, y: Floats, style: Style, dash: int,
    span: tuple[float, float],
) -> None:  # fmt: skip
    thin = reduce(x, y, dots.columns, span)
    dots.line(scale.column(thin.x), scale.row(thin.y), frame.style_number(style), dash)


def _spots(scale: _Scale, cloud: Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the (column, row) of the finite points inside the picture, in dots."""
    columns, rows = scale.column(cloud.x), scale.row(cloud.y)
    with np.errstate(invalid="ignore"):
        inside = (
            (columns > -0.5) & (columns < scale.columns - 0.5) & (rows > -0.5) & (rows < scale.rows - 0.5)
        )
    return np.round(columns[inside]).astype(np.intp), np.round(rows[inside]).astype(np.intp)


def _x_axis(
    frame: Frame, palette: Palette, area: Area, curves: Sequence[Curve], scale: _Scale, gutter: int, rows: int
) -> None:
    """Draw the line with its × marks, and below it the labels and the axis's name."""
    axis = palette.faint(0.55)
    left, width, y = area.x + gutter, area.width - gutter, area.y + rows
    if gutter:
        frame.put(left - 1, y, "└", axis)
    frame.put(left, y, "─" * width, axis)
    name = f"  {area.x_name}" if width > len(area.x_name) + 12 else ""
    most = max(1, min(8, width // 12))
    marks = ticks(scale.left, scale.right, most, log=area.log_x, time=area.time and not area.log_x)
    free = left
    for at, label in zip(marks.at, marks.labels, strict=True):
        cell = round((at - scale.left) / (scale.right - scale.left) * (width - 1)) if width > 1 else 0
        begin = min(max(left, left + cell - len(label) // 2), left + width - len(name) - len(label))
        if begin < free:
            continue
        frame.put(left + cell, y, "┴", axis)
        free = frame.put(begin, y + 1, label, axis, left + width) + 1
    frame.put(left + width - len(name), y + 1, name, axis)
    if marks.base:
        frame.put(left, y + 1, f"{marks.base}+", axis, free)
    for curve in curves:
        if curve.marks is None or not curve.marks.any():
            continue
        n = min(len(curve.x), len(curve.marks))
        marked = curve.x[:n][curve.marks[:n] & np.isfinite(curve.x[:n])]
        cells = np.unique(np.round((marked - scale.left) / (scale.right - scale.left) * (width - 1)))
        for cell in cells[(cells >= 0) & (cells < width)].astype(int).tolist():
            frame.put(left + cell, y, "×", palette.warn())
