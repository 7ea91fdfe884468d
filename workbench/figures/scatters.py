"""Latents as points of the plane, one panel per configuration, a colour and a mark per class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from workbench.figures.style import COLOURS, MARKS, frame, name, outside_legend, panels, width_of, wrapped_to
from workbench.figures.subjects import Options, Subject, array_of
from workbench.results.pca import principal_plane

DOTS = 4000  # points of a panel: more only cover each other
CLASSES = len(COLOURS)  # more have no legend


def latents(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw the latents of the newest snapshot, or of the chosen step.

    Raises:
        WorkbenchError: if there is no readable snapshot (3).
    """
    clouds = []
    for subject in subjects:
        found = subject.latents(options.step)
        clouds.append((found.z[subject.place], found.labels))
    return _draw(subjects, clouds, options)


def tsne(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw the latents as t-SNE placed them; the axes have no meaning, and no numbers.

    Raises:
        WorkbenchError: if a run's arrays are damaged (2).
    """
    clouds = [(array_of(subject, "points", 2), subject.arrays["labels"]) for subject in subjects]
    return _draw(subjects, clouds, options, numbers=False)


def plane(z: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, str, str]]:
    """Return z [n, d] as points [n, 2], and the names of the axes, with a detail of the first.

    More than two dimensions are shown by their two principal components. One dimension is spread at random
    along the second axis, so that the points can be seen.
    """
    if z.shape[1] == 1:
        height = np.random.default_rng(0).uniform(-1, 1, len(z))
        return np.stack([z[:, 0], height], 1), ("z₁", "", "")
    found = principal_plane(z)
    if z.shape[1] == 2:
        return found(z), ("z₁", "z₂", "")
    detail = f"of {z.shape[1]}-d z ({found.explained:.0%} of its variance with PC 2)"
    return found(z), ("PC 1", "PC 2", detail)


def _draw(
    subjects: Sequence[Subject],
    clouds: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    options: Options,
    numbers: bool = True,
) -> Figure:
    narrow = options.width < 5 and len(subjects) > 1
    figure, axes = panels(options.width, len(subjects), each=1.65 if narrow else 2.3, ratio=1.0)
    classes: list[int] = sorted({int(label) for _, labels in clouds for label in np.unique(labels)})
    for subject, (z, labels), here in zip(subjects, clouds, axes, strict=True):
        points, labels = z[:DOTS], labels[:DOTS]
        places, names = plane(points) if numbers else (points, ("", "", ""))
        draw_classes(here, places, labels, classes)
        xlabel, detail = names[0], names[2]
        here.set(xlabel=xlabel if len(subjects) > 1 else f"{xlabel} {detail}".strip(), ylabel=names[1])
        frame(here, places)
        if not numbers or not names[0]:
            here.set(xticks=[], yticks=[])
        if not names[1]:
            here.set_yticks([])
        if len(subjects) > 1:
            here.set_title(wrapped_to(name(subject.label), width_of(here)))
    if 1 < len(classes) <= CLASSES:
        outside_legend(figure, axes[0])
    return figure


def draw_classes(axes: Axes, points: NDArray[Any], labels: NDArray[Any], classes: Sequence[int]) -> None:
    """Draw points [n, 2] of labels [n], with the look that each of `classes` has in the whole figure."""
    size = max(1.5, min(9.0, 3000 / max(1, len(points))))
    for place, label in enumerate(classes):
        here = points[labels == label]
        look: dict[str, Any] = {"color": COLOURS[place % len(COLOURS)], "marker": MARKS[place % len(MARKS)]}
        axes.scatter(here[:, 0], here[:, 1], s=size, linewidths=0.2, label=str(label), **look)
