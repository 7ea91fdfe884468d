"""Clouds of points in classes, with a legend that works without colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.results.pca import view_span
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import CLASS_MARKS, Palette
from workbench.ui.canvas.plot import Area, Points, plot

MOST_CLASSES = len(CLASS_MARKS)


def class_mark(label: int) -> str:
    """Return the sign of a class: its own digit, then letters."""
    return CLASS_MARKS[label % MOST_CLASSES]


def by_class(
    palette: Palette, xy: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[list[Points], list[int]]:
    """Split xy [n, 2] by label [n] into clouds, the rarest on top; return them and the classes, ascending."""
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) > MOST_CLASSES:  # not classes: something continuous
        return [Points(xy[:, 0], xy[:, 1], palette.line(0))], []
    if len(classes) < 2:
        return [Points(xy[:, 0], xy[:, 1], palette.line(0))], []
    clouds = []
    for label in classes[np.argsort(-counts, kind="stable")].tolist():
        points, here = xy[labels == label], int(classes.searchsorted(label))
        mark = "" if palette.look.distinct and len(classes) <= 10 else class_mark(here)
        clouds.append(Points(points[:, 0], points[:, 1], palette.group(here), mark))
    return clouds, classes.tolist()


def legend(frame: Frame, palette: Palette, y: int, classes: Sequence[int]) -> None:
    """Write one entry a class, as far as there is room."""
    x = 0
    marked = not palette.look.distinct or len(classes) > 10
    for here, label in enumerate(classes):
        sign = class_mark(here) if marked else "●"
        text = "" if marked and sign == str(label) else f"{label}"
        if x + 2 + len(text) > frame.width:
            frame.put(min(x, frame.width - 1), y, "…", palette.faint())
            return
        x = frame.put(x, y, sign, palette.group(here))
        x = frame.put(x, y, text, palette.text()) + 1


def scatter(
    frame: Frame, palette: Palette, top: int, clouds: Sequence[Points], names: tuple[str, str]
) -> int:
    """Draw clouds below row `top`; return how many points lie outside the view."""
    x = np.concatenate([cloud.x for cloud in clouds]) if clouds else np.empty(0)
    y = np.concatenate([cloud.y for cloud in clouds]) if clouds else np.empty(0)
    x_span, y_span = view_span(x), view_span(y)
    area = Area(0, top, frame.width, frame.height - top, x_name=names[0], x_span=x_span, y_span=y_span)
    plot(frame, palette, area, points=clouds)
    with np.errstate(invalid="ignore"):
        inside = (x >= x_span[0]) & (x <= x_span[1]) & (y >= y_span[0]) & (y <= y_span[1])
    return int(len(x) - inside.sum())
