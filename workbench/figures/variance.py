"""How noisy the gradients of an LEBM are: over training, and beside what the training achieves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from workbench.errors import NOT_FOUND, WorkbenchError
from workbench.figures.curves import draw_band, lines_of
from workbench.figures.style import MARKS, log_axis, looks, name, outside_legend, panels, quantity
from workbench.figures.subjects import NOISE, Options, Subject
from workbench.spec.estimates.ladder import OBJECTIVES

NETS = {"generator": "gradient of the generator g", "prior": "gradient of the prior's f"}
QUALITY = ("sample_energy", "mmd", "sliced_w2", "frechet_pca50", "ti_log_px", "mse")  # first of these


def gradient_variance(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw a panel for each net: the variance of its gradient under each objective, over training."""
    known = {metric for subject in subjects for metric, _ in subject.curves()}
    nets = [net for net in NETS if any(_variance(o, net) in known for o in OBJECTIVES)]
    figure, axes = panels(options.width, len(nets), each=3.3, ratio=0.8)
    wanted = [(subject, objective) for subject in subjects for objective in OBJECTIVES]
    for net, here in zip(nets, axes, strict=True):
        for number, ((subject, objective), look) in enumerate(zip(wanted, looks(len(wanted)), strict=True)):
            metric = _variance(objective, net)
            if (metric, "test") not in subject.curves():
                continue
            series = subject.curve(metric, "test")
            label = OBJECTIVES[objective] + (f", {subject.label}" if len(subjects) > 1 else "")
            mark = MARKS[number % len(MARKS)]
            here.plot(series.steps, series.mean, label=name(label), marker=mark, markersize=3, **look)
            if series.seeds > 1:
                draw_band(here, series, "range", look["color"])
        here.set_title(NETS[net])
        here.set_xlabel("iteration")
        here.set_ylabel("variance, mean over weights")
        log_axis(here)
    outside_legend(figure, axes[0])
    return figure


def metric_variance(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw a metric against the variance of the generator's gradient, a point for each time both were taken.

    The variance is that of the objective which the run minimises. The last point is filled.

    Raises:
        WorkbenchError: if a run has no points of a metric at the same steps (3).
    """
    metric = options.metrics[0] if options.metrics else _quality(subjects)
    figure, (axes,) = panels(options.width, 1, each=options.width, ratio=0.75)
    for number, (subject, look) in enumerate(zip(subjects, looks(len(subjects)), strict=True)):
        objective = str(subject.group.settings.get("model.objective", "vanilla"))
        noise = subject.curve(_variance(objective, "generator"), "test")
        (_, series) = lines_of([subject], metric, "test")[0]
        steps, at, there = np.intersect1d(noise.steps, series.steps, return_indices=True)
        if not len(steps):
            raise WorkbenchError(
                f"{subject.label} has no points of '{metric}' and of the variance at the same steps.",
                "Estimates of evaluation.estimates_every share their steps.",
                NOT_FOUND,
            )
        x, y, mark = noise.mean[at], series.mean[there], MARKS[number % len(MARKS)]
        look |= {"marker": mark, "markersize": 4}
        axes.plot(x, y, label=name(subject.label), markerfacecolor="white", linewidth=0.6, **look)
        axes.plot(x[-1:], y[-1:], **{**look, "linestyle": "none"})
    log_axis(axes, "x")
    axes.set_xlabel("variance of the generator's gradient")
    axes.set_ylabel(quantity(metric))
    if len(subjects) > 1:
        outside_legend(figure, axes)
    return figure


def _variance(objective: str, net: str) -> str:
    return f"{NOISE}{objective.replace('-', '_')}_{net}_variance"


def _quality(subjects: Sequence[Subject]) -> str:
    """Return the metric shown if none is chosen: the first of QUALITY that all have on test data."""
    for metric in QUALITY:
        if all((metric, "test") in subject.curves() for subject in subjects):
            return metric
    raise WorkbenchError("The runs have no test metric in common.", "Choose one with --metric.", NOT_FOUND)
