"""Curves as plain text, drawn once with plotext; the live panes have a canvas of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.api.live import LiveRun
from workbench.api.runs import find_run
from workbench.api.stores import Store
from workbench.errors import NOT_FOUND, USAGE, WorkbenchError, did_you_mean
from workbench.results.series import Floats, Series, reduce
from workbench.results.table import number_cell
from workbench.spec.metrics import metric as metric_of
from workbench.store.run_row import RunRow
from workbench.text import safe_text

MARKERS = {False: ("braille", "•", "×"), True: ("*", "o", "x")}  # one a split, told apart without colour
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

    `run` is a row, an id, or the beginning or end of one. With `others`, at most two, it is one line per
    run, of the split they have in common. Without colours; `ascii` uses ASCII only.
    `log` draws a logarithmic value axis, on which values of 0 and below are gaps, as NaN and infinity are
    anywhere. Raises WorkbenchError if there is no such run or metric (3) or the size is impossible (2).
    """
    row = find_run(store, run) if isinstance(run, str) else run
    for name, size, (least, most) in (("width", width, WIDTH), ("height", height, HEIGHT)):
        if not least <= size <= most:
            raise WorkbenchError(
                f"The {name} of a plot lies between {least} and {most}, not {size}.", "", USAGE
            )
    found = [(series.split, series) for series in _series(store, row, metric)]
    if others:
        found = _overlay(store, [row, *others], metric)
    lines, notes = [], []
    for label, series in found:
        last = number_cell(series.last().tolist(), usual_n=series.seeds).text
        notes.append(f"{label}: {last} at step {series.steps[-1]:.0f}, over {series.seeds} seed(s).")
        x, y, lost, below = _finite(series, log)
        if lost:
            notes.append(f"{label}: {lost} of {len(series)} points are not finite and left out.")
        if below:
            notes.append(f"{label}: {below} of {len(series)} points are 0 or below: not on a log axis.")
        if len(x):
            thin = reduce(x, y, width)
            lines.append((label, thin.x, thin.y))
    if not lines:
        what = f"'{safe_text(metric, 60, one_line=True)}' of {row.id}"
        if log:
            raise WorkbenchError(f"{what} has no value above 0.", "Draw it without the log axis.", USAGE)
        raise WorkbenchError(f"{what} has no finite value to draw.", "The run diverged at once.", USAGE)
    title = _title("" if others else row.name, found[0][1])
    picture = _draw(lines, title, width, height, ascii, log)
    text = "\n".join([picture, *notes]) + "\n"
    return text.translate(TO_ASCII).encode("ascii", "replace").decode() if ascii else text


def plot_metrics(store: Store, run: RunRow | str) -> list[str]:
    """Return the metrics that have a curve in this run."""
    row = find_run(store, run) if isinstance(run, str) else run
    return list(dict.fromkeys(name for name, _ in _live(store, row).names()))


def _live(store: Store, row: RunRow) -> LiveRun:
    live = LiveRun(store, row.id)
    for _ in range(1000):  # a long file is read in pieces; one that grows faster than this is a curve already
        if not live.poll():
            break
    return live


def _series(store: Store, row: RunRow, metric: str) -> list[Series]:
    """Return the metric's curves, one per split."""
    live = _live(store, row)
    names = live.names()
    found = [live.series(name, split) for name, split in names if name == metric]
    if found:
        return found
    shown = safe_text(metric, 60, one_line=True)
    known = list(dict.fromkeys(name for name, _ in names))
    if not known:
        raise WorkbenchError(f"Run {row.id} has no curves yet.", f"It is {row.state}.", NOT_FOUND)
    hint = f"{did_you_mean(metric, known)} It has {', '.join(known)}.".strip()
    raise WorkbenchError(f"Run {row.id} has no metric '{shown}'.", hint, NOT_FOUND)


def _finite(series: Series, log: bool) -> tuple[Floats, Floats, int, int]:
    """Return x and y of the mean over seeds, and how many points have no value and how many no logarithm."""
    x, y = series.steps, series.mean.copy()
    lost = int(np.isnan(y).sum())
    below = 0
    if log:
        bad = y <= 0
        below = int(bad.sum())
        y[bad] = np.nan
    return (x, y, lost, below) if np.isfinite(y).any() else (x[:0], y[:0], lost, below)


def _overlay(store: Store, rows: Sequence[RunRow], metric: str) -> list[tuple[str, Series]]:
    """Return one curve for each run, named by the run, of the first split that all of them have."""
    if len(rows) > len(MARKERS[False]):
        raise WorkbenchError(f"{len(rows)} runs cannot be told apart without colours.", "Draw up to three.")
    curves = [{series.split: series for series in _series(store, row, metric)} for row in rows]
    split = next((name for name in curves[0] if all(name in found for found in curves)), "")
    if not split:
        raise WorkbenchError(f"The runs have no split of '{safe_text(metric, 60)}' in common.", "", USAGE)
    return [
        (safe_text(f"{row.name} {row.id[-4:]}, {split}", 60, one_line=True), found[split])
        for row, found in zip(rows, curves, strict=True)
    ]


def _title(run: str, series: Series) -> str:
    name = metric_of(series.metric)
    unit = f" ({name.unit})" if name.unit else ""
    seeds = f", mean of {series.seeds} seeds" if run and series.seeds > 1 else ""
    where = f" · {run}" if run else ""
    return safe_text(f"{name.label}{unit}{where}{seeds}", 200, one_line=True)


def _draw(
    lines: list[tuple[str, Floats, Floats]], title: str, width: int, height: int, ascii: bool, log: bool
) -> str:
    import plotext

    markers = MARKERS[ascii]
    plotext.clear_figure()
    try:
        plotext.limit_size(False, False)  # or it cuts the picture to the terminal it thinks it is in
        plotext.plot_size(width, height)
        plotext.theme("clear")
        plotext.title(title[: max(0, width - 4)])
        plotext.xlabel("step")
        if log:
            plotext.yscale("log")
        plotext.xticks(*_ticks([x for _, x, _ in lines], width // 16, whole=True))
        plotext.yticks(*_ticks([y for _, _, y in lines], height // 4, log=log))
        for k, (label, x, y) in enumerate(lines):
            # A few validation points over a line are told from it best as points.
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
