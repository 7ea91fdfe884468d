"""Curves as plain text, drawn once with plotext; the live panes have their own canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.api.runs import find_run
from workbench.api.stores import Store
from workbench.errors import NOT_FOUND, USAGE, WorkbenchError, did_you_mean
from workbench.results.outline import Outline, outlines
from workbench.results.pca import principal_plane
from workbench.results.series import Floats, reduce
from workbench.results.table import number_cell
from workbench.spec.metrics import metric as metric_of
from workbench.store.metrics import MetricsTail
from workbench.store.run_row import RunRow
from workbench.text import safe_text

MARKERS = {False: ("braille", "•", "×"), True: ("*", "o", "x")}  # one a split, distinct without colour
CLASS_SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"
WIDTH, HEIGHT = (30, 1000), (10, 1000)  # what axes and labels need, and what is still a picture
SIGNS = {
    "─": "-",
    "│": "|",
    "•": "o",
    "×": "x",
    "²": "^2",
    "·": "-",
    "‖": "|",
    "–": "-",
    "…": "...",
    "±": "+-",
}
SIGNS |= dict.fromkeys("┌┐└┘├┤┬┴┼", "+") | {"η": "eta", "σ": "sigma", "θ": "theta", "β": "beta"}
TO_ASCII = str.maketrans(SIGNS)


def plot_text(
    store: Store,
    run: RunRow | str,
    metric: str,
    *,
    width: int = 80,
    height: int = 20,
    ascii: bool = False,
    log: bool = False,
    others: Sequence[RunRow] = (),
) -> str:
    """Return a picture of a metric over steps: the mean over seeds, one line per split (train, test).

    `run` is a row, an id, or a prefix or suffix of one. With `others`, at most two, it is one line per run,
    of the first split they have in common. `width` (30 … 1000) and `height` (10 … 1000) are in characters.
    Without colours; `ascii` uses ASCII only. `log` draws a logarithmic value axis, on which values of 0 and
    below are gaps, as NaN and infinity are anywhere.

    Raises:
        WorkbenchError: exit code 3 if there is no such run or metric; 2 if the size or the number of runs is
            out of range, or there is nothing to draw.

    >>> picture = api.plots.plot_text(store, "fuze", "loss", width=60, height=12)
    >>> picture.splitlines()[-1]
    'train: 29.64 ± 0.12 at step 60, over 3 seed(s).'
    """
    row = find_run(store, run) if isinstance(run, str) else run
    for name, size, (least, most) in (("width", width, WIDTH), ("height", height, HEIGHT)):
        if not least <= size <= most:
            raise WorkbenchError(f"Invalid {name} {size}: must be between {least} and {most}.", "", USAGE)
    if others:
        found = _overlay(store, [row, *others], metric)
    else:
        found = [(series.split, series) for series in _series(store, row, metric)]
    lines, notes = [], []
    for name, series in found:
        label = safe_text(name, 60, one_line=True)  # drawn character by character
        last = number_cell(series.last.tolist(), usual_n=series.seeds).text
        notes.append(f"{label}: {last} at step {series.step:.0f}, over {series.seeds} seed(s).")
        if series.lost:
            notes.append(f"{label}: {series.lost} of {series.total} points are not finite and left out.")
        if log and series.below:
            notes.append(
                f"{label}: {series.below} of {series.total} points are 0 or below: not on a log axis."
            )
        y = np.where(series.y > 0, series.y, np.nan) if log else series.y
        if np.isfinite(y).any():
            thin = reduce(series.x, y, width)
            lines.append((label, thin.x, thin.y))
    if not lines:
        what = f"Cannot plot '{metric}' of {row.id}:"
        if log:
            raise WorkbenchError(f"{what} no value above 0.", "Use a linear axis.", USAGE)
        raise WorkbenchError(f"{what} no finite value.", "The run diverged at once.", USAGE)
    series, about = found[0][1], metric_of(metric)
    title = about.label + (f" ({about.unit})" if about.unit else "")
    if not others:
        title += f" · {row.name}" + (f", mean of {series.seeds} seeds" if series.seeds > 1 else "")
    picture = _draw(lines, title, width, height, ascii, log)
    text = "\n".join([picture, *notes]) + "\n"
    return text.translate(TO_ASCII).encode("ascii", "replace").decode() if ascii else text


def scatter_text(
    points: NDArray[Any], labels: NDArray[Any], *, width: int = 80, height: int = 20, ascii: bool = False
) -> str:
    """Return a picture of points [n, D], each with the sign of its label [n]; more than 2 axes: by PCA.

    >>> import numpy as np
    >>> api.plots.scatter_text(np.eye(2), np.arange(2), width=30, height=10).count("1") > 0
    True
    """
    import plotext  # 0.1 s; the screens use only the numbers of a curve

    xy = principal_plane(points)(points)
    plotext.clear_figure()
    try:
        plotext.limit_size(False, False)
        plotext.plot_size(width, height)
        plotext.theme("clear")
        classes = np.unique(labels)
        for place, label in enumerate(classes):
            mark = CLASS_SIGNS[place % len(CLASS_SIGNS)] if len(classes) > 1 else MARKERS[ascii][0]
            here = xy[labels == label]
            plotext.scatter(here[:, 0].tolist(), here[:, 1].tolist(), marker=mark)
        plotext.xticks(*_ticks([xy[:, 0]], width // 16))
        plotext.yticks(*_ticks([xy[:, 1]], height // 4))
        text = str(plotext.uncolorize(plotext.build())).rstrip("\n")
    finally:
        plotext.clear_figure()
    return text.translate(TO_ASCII).encode("ascii", "replace").decode() if ascii else text


def _series(store: Store, row: RunRow, metric: str) -> list[Outline]:
    """Return the metric's curves, one per split."""
    found, known = outlines(MetricsTail(store.run(row.id).metrics), metric)
    if found:
        return found
    if not known:
        raise WorkbenchError(f"Run {row.id} has no curves yet.", f"It is {row.state}.", NOT_FOUND)
    hint = f"{did_you_mean(metric, known)} It has {', '.join(known)}.".strip()
    raise WorkbenchError(f"Run {row.id} has no metric '{metric}'.", hint, NOT_FOUND)


def _overlay(store: Store, rows: Sequence[RunRow], metric: str) -> list[tuple[str, Outline]]:
    """Return one curve for each run, named by the run, of the first split that all of them have."""
    if len(rows) > len(MARKERS[False]):
        raise WorkbenchError(f"Cannot plot {len(rows)} runs: at most three are distinct without colours.")
    curves = [{series.split: series for series in _series(store, row, metric)} for row in rows]
    split = next((name for name in curves[0] if all(name in found for found in curves)), "")
    if not split:
        raise WorkbenchError(f"Cannot plot '{metric}': the runs have no split in common.", "", USAGE)
    return [(f"{row.name} {row.id[-4:]}, {split}", f[split]) for row, f in zip(rows, curves, strict=True)]


def _draw(
    lines: list[tuple[str, Floats, Floats]], title: str, width: int, height: int, ascii: bool, log: bool
) -> str:
    import plotext  # 0.1 s; the screens use only the numbers of a curve

    markers = MARKERS[ascii]
    plotext.clear_figure()
    try:
        plotext.limit_size(False, False)  # or it cuts the picture to the terminal it thinks it is in
        plotext.plot_size(width, height)
        plotext.theme("clear")
        plotext.title(safe_text(title, one_line=True)[: width - 4])
        plotext.xlabel("step")
        if log:
            plotext.yscale("log")
        plotext.xticks(*_ticks([x for _, x, _ in lines], width // 16, whole=True))
        plotext.yticks(*_ticks([y for _, _, y in lines], height // 4, log=log))
        for k, (label, x, y) in enumerate(lines):
            # A few validation points over a line are drawn as points, to be distinct from it.
            draw = plotext.scatter if k and len(x) < width else plotext.plot
            draw(x.tolist(), y.tolist(), label=label, marker=markers[k % len(markers)])
        return str(plotext.uncolorize(plotext.build())).rstrip("\n")
    finally:
        plotext.clear_figure()


def _ticks(
    arrays: list[Floats], count: int, *, log: bool = False, whole: bool = False
) -> tuple[list[float], list[str]]:
    """Return places and labels of about `count` ticks, evenly spread over all finite values."""
    values = np.concatenate(arrays)
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    if low == high:
        return [low], [f"{low:.4g}"]
    places = np.geomspace(low, high, max(2, count)) if log else np.linspace(low, high, max(2, count))
    if whole:
        places = np.unique(places.round())
    return places.tolist(), [f"{place:.0f}" if whole else f"{place:.4g}" for place in places]
