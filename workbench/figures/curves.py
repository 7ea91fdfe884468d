"""Curves with bands over seeds, and the integrand of thermodynamic integration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.errors import NOT_FOUND, USAGE, WorkbenchError, did_you_mean
from workbench.figures.style import LINES, MARKS, log_axis, looks, name, outside_legend, panels, quantity
from workbench.figures.subjects import Options, Subject, array_of, usual_metrics
from workbench.results.pca import view_span
from workbench.results.series import Series, reduce, reduce_band
from workbench.spec.metrics import metric as metric_of

COLUMNS = 1000  # points of a line; print resolves no more
STRAY = 1.0  # per cent of the values at either end that a linear axis may leave out
SPREAD = 0.18  # how opaque a band is


def curves(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw one panel per metric: a line per split of one configuration, or one per configuration.

    Raises:
        WorkbenchError: if a configuration lacks a metric (3), or no value is finite (2).
    """
    metrics = options.metrics or usual_metrics(subjects)
    alone = len(metrics) == 1 and options.width > 5
    figure, axes = panels(options.width, len(metrics), each=3.3, ratio=0.5 if alone else 0.72)
    for place, (metric, here) in enumerate(zip(metrics, axes, strict=True)):
        lines = lines_of(subjects, metric, options.split)
        _draw_lines(here, lines, options)
        about = metric_of(metric)
        here.set_ylabel(quantity(metric))
        here.set_xlabel("iteration")
        if options.log or about.log:
            log_axis(here)
        else:
            here.set_ylim(_span([series for _, series in lines]))
        if about.reference is not None:
            here.axhline(about.reference, color="0.5", linestyle=LINES[3], linewidth=0.8)
        if place == 0 and len(lines) > 1:
            outside_legend(figure, here)
    return figure


def lines_of(subjects: Sequence[Subject], metric: str, split: str = "") -> list[tuple[str, Series]]:
    """Return the curves of a metric by name: of each split of one subject, or of one split of each.

    Raises:
        WorkbenchError: if a subject lacks the metric, or they have no split in common (3).
    """
    for subject in subjects:
        known = [found for found, _ in subject.curves()]
        if metric not in known:
            hint = did_you_mean(metric, known) or f"It has {', '.join(dict.fromkeys(known))}."
            raise WorkbenchError(f"{subject.label} has no curve of '{metric}'.", hint, NOT_FOUND)
    splits = [found for each, found in subjects[0].curves() if each == metric]
    shared = [s for s in splits if all((metric, s) in subject.curves() for subject in subjects)]
    if split:
        shared = [s for s in shared if s == split]
    if not shared:
        found = f"split '{split}'" if split else "split in common"
        raise WorkbenchError(f"The curves of '{metric}' have no {found}.", f"Splits: {', '.join(splits)}.")
    if len(subjects) == 1:
        return [(s, subjects[0].curve(metric, s)) for s in shared]
    return [(f"{subject.label}, {shared[0]}", subject.curve(metric, shared[0])) for subject in subjects]


def _span(lines: Sequence[Series]) -> tuple[float, float]:
    """Return the range of all values but a few stray ones, as of the first steps, with a margin."""
    low, high = view_span(np.concatenate([series.values.ravel() for series in lines]), STRAY)
    room = 0.05 * (high - low)
    return low - room, high + room


def _draw_lines(axes: Axes, lines: Sequence[tuple[str, Series]], options: Options) -> None:
    drawn = 0
    for (label, series), look in zip(lines, looks(len(lines)), strict=True):
        thin = reduce(series.steps, series.mean, COLUMNS)
        if not np.isfinite(thin.y).any():
            continue
        few = len(thin.x) <= 30
        marked: dict[str, Any] = {"marker": MARKS[drawn % len(MARKS)], "markersize": 3} if few else {}
        axes.plot(thin.x, thin.y, label=name(label), **look, **marked)
        if series.seeds > 1:
            draw_band(axes, series, options.band, look["color"])
        drawn += 1
    if not drawn:
        raise WorkbenchError("Cannot draw the curves: no value is finite.", "The run diverged.", USAGE)


def draw_band(axes: Axes, series: Series, band: str, colour: Any) -> None:
    """Draw the spread over seeds around a curve: ± the standard deviation ("std"), or the "range"."""
    low, high = series.band("±std" if band == "std" else "min–max")
    x = series.steps
    if len(x) > 2 * COLUMNS:
        span = float(x[0]), float(x[-1])
        columns, low, high = reduce_band(x, low, high, COLUMNS, span)
        x = span[0] + (columns + 0.5) * (span[1] - span[0]) / COLUMNS
    axes.fill_between(x, low, high, color=colour, alpha=SPREAD, linewidth=0)


def integrand(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw E_t[log p(x|z)] against t: the mean over seeds ± their standard deviation, or of one its error.

    Raises:
        WorkbenchError: if a run's arrays are damaged (2).
    """
    figure, (axes,) = panels(options.width, 1, each=options.width, ratio=0.72)
    for number, (subject, look) in enumerate(zip(subjects, looks(len(subjects)), strict=True)):
        t = subject.arrays.get("temperatures", np.empty(0))
        array_of(subject, "mean", 1)
        mean, error = subject.arrays["mean"], array_of(subject, "error", 1)
        middle = mean.mean(0)
        spread = mean.std(0, ddof=1) if len(mean) > 1 else error
        if t.shape != middle.shape:
            raise WorkbenchError(f"Cannot read the temperatures of {subject.shown.id}.", "", USAGE)
        mark = MARKS[number % len(MARKS)]
        axes.errorbar(
            t, middle, spread, label=name(subject.label), marker=mark, markersize=3, capsize=1.5, **look
        )
    axes.set_xlabel("temperature t")
    axes.set_ylabel("E_t[log p(x|z)]\n(nats per example)")
    if len(subjects) > 1:
        outside_legend(figure, axes)
    return figure
