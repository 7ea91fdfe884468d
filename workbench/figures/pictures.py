"""Pictures in grids: samples, reconstructions, interpolations, and the decoder's image; points as points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.figures.style import COLOURS, frame, name, outside_legend, panels, width_of, wrapped_to
from workbench.figures.subjects import Options, Subject, array_of
from workbench.results.pca import principal_plane

WIDE = 0.62  # height of a single panel of points on a whole page, in widths
GAP = 1  # white pixels between pictures
SMALL = 24  # pixels of a side below which pictures are drawn with larger pixels
Drawing = NDArray[np.uint8] | Callable[[Axes], None]  # a picture, or what draws points
DATA: dict[str, Any] = {"color": "0.65", "marker": "o", "linewidths": 0, "label": "data"}
MODEL: dict[str, Any] = {"color": COLOURS[0], "marker": "x", "linewidths": 0.6, "label": "model"}


def samples(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw samples of the newest snapshot, or of the chosen step: pictures in a square, or points over data.

    Raises:
        WorkbenchError: if there is no readable snapshot (3).
    """
    drawn: list[Drawing] = []
    for subject in subjects:
        found = subject.samples(options.step)
        if found.images is not None:
            pictures = found.images[subject.place]
            drawn.append(mosaic(pictures, across=max(1, round(len(pictures) ** 0.5))))
        elif found.points is not None:
            drawn.append(partial(_points, points=found.points[subject.place], data=found.data))
    return _draw(subjects, drawn, options)


def reconstructions(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw rows of originals, each above the row of their reconstructions; of points a line joins the two.

    Raises:
        WorkbenchError: if a run's arrays are damaged (2).
    """

    def joined(axes: Axes, decoded: NDArray[Any], data: NDArray[Any]) -> None:
        flat = principal_plane(data)
        pairs = np.stack([flat(data), flat(decoded)], 1)  # [n, 2 ends, 2]
        axes.plot(*pairs.transpose(2, 1, 0), color="0.7", linewidth=0.4, zorder=1)
        _points(axes, decoded, data)

    drawn: list[Drawing] = []
    for subject in subjects:
        data = _data(subject)
        if "images" in subject.arrays:
            drawn.append(paired(data, _pictures(subject, 3), across=9))
        else:
            drawn.append(partial(joined, decoded=array_of(subject, "points", 2), data=data))
    return _draw(subjects, drawn, options)


def interpolations(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw a row for each line: an original, what is decoded along the line, the other original.

    Raises:
        WorkbenchError: if a run's arrays are damaged (2).
    """

    def along(axes: Axes, lines: NDArray[Any], data: NDArray[Any]) -> None:
        ends = data.reshape(-1, data.shape[-1])
        flat = principal_plane(ends)
        for line in lines:
            axes.plot(*flat(line).T, color=COLOURS[0], marker=".", markersize=2, linewidth=0.8)
        _dots(axes, flat(ends), s=12, facecolors="none", edgecolors="black", label="data")

    drawn: list[Drawing] = []
    for subject in subjects:
        data = _data(subject)
        if "images" in subject.arrays:
            lines = _pictures(subject, 4)
            rows = np.concatenate([data[:, :1], lines, data[:, 1:]], 1)
            drawn.append(mosaic(rows.reshape(-1, *rows.shape[2:]), across=rows.shape[1]))
        else:
            drawn.append(partial(along, lines=array_of(subject, "points", 3), data=data))
    return _draw(subjects, drawn, options)


def decoder(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw the decoder's image: pictures in the order of their latents, or a curve or mesh over the data.

    Raises:
        WorkbenchError: if a run's arrays are damaged (2).
    """
    drawn: list[Drawing] = []
    for subject in subjects:
        z = array_of(subject, "z", 2)
        side = len(z) if z.shape[1] == 1 else round(len(z) ** 0.5)
        if "images" not in subject.arrays:
            image = array_of(subject, "points", 2)
            drawn.append(partial(_image, image=image, data=_data(subject), mesh=z.shape[1] == 2))
            continue
        pictures = _pictures(subject, 3)
        if z.shape[1] == 2:  # z₁ to the right, z₂ upwards, as in a plot
            pictures = pictures.reshape(side, side, *pictures.shape[1:]).swapaxes(0, 1)[::-1]
            pictures = pictures.reshape(-1, *pictures.shape[2:])
        drawn.append(mosaic(pictures, across=side if z.shape[1] == 2 else 10))
    return _draw(subjects, drawn, options)


def _image(axes: Axes, image: NDArray[Any], data: NDArray[Any], mesh: bool) -> None:
    """Draw a curve [n, D], or a mesh of n = side² points of which the second latent varies first."""
    flat = principal_plane(data)
    _dots(axes, flat(data), **DATA)
    places = flat(image)
    if mesh:
        side = round(len(image) ** 0.5)
        grid = places.reshape(side, side, 2)
        for lines, colour, dashes, label in (
            (grid, COLOURS[0], "-", "z₂ varies"),
            (grid.swapaxes(0, 1), COLOURS[2], "--", "z₁ varies"),
        ):
            for number, line in enumerate(lines):
                named = label if number == 0 else None
                axes.plot(*line.T, linewidth=0.7, color=colour, linestyle=dashes, label=named)
    else:
        axes.plot(*places.T, color=COLOURS[0], linewidth=1.2, label="decoder")
    frame(axes, np.concatenate([flat(data), places]))
    axes.set_aspect("equal", "box")


def mosaic(pictures: NDArray[Any], across: int) -> NDArray[np.uint8]:
    """Return pictures [n, H, W] or [n, H, W, 3] as one, `across` in a row, with white between them."""
    zoom = max(1, SMALL // min(pictures.shape[1:3]))
    pictures = pictures.repeat(zoom, 1).repeat(zoom, 2)
    count, height, width = pictures.shape[:3]
    down = -(-count // across)
    size = (down * (height + GAP) - GAP, across * (width + GAP) - GAP)
    wall = np.full((*size, *pictures.shape[3:]), 255, np.uint8)
    for place, picture in enumerate(pictures):
        y, x = place // across * (height + GAP), place % across * (width + GAP)
        wall[y : y + height, x : x + width] = picture
    return wall


def paired(above: NDArray[Any], below: NDArray[Any], across: int) -> NDArray[np.uint8]:
    """Return pictures [n, H, W(, 3)] in one: each row of `above` over the same row of `below`."""
    strips = []
    for start in range(0, len(above), across):
        for row in (above, below):
            strips.append(mosaic(row[start : start + across], across))
    gap = np.full((GAP, *strips[0].shape[1:]), 255, np.uint8)
    wide = np.concatenate([gap] * 3)  # more room after a pair than within it
    parts = [part for k, strip in enumerate(strips) for part in (strip, gap if k % 2 == 0 else wide)]
    return np.concatenate(parts[:-1])


def _pictures(subject: Subject, axes: int) -> NDArray[Any]:
    """Return the `images` of the shown seed: `axes` axes if they are grey, one more if in colour."""
    colour = subject.arrays["images"].ndim == axes + 2
    return array_of(subject, "images", axes + colour)


def _data(subject: Subject) -> NDArray[Any]:
    """Return the real examples beside what a model made.

    Raises:
        WorkbenchError: if the file of the run has none (2).
    """
    if "data" not in subject.arrays:
        raise WorkbenchError(f"Cannot read the data of {subject.shown.id}.", "Compute them with --again.")
    return subject.arrays["data"]


def _dots(axes: Axes, places: NDArray[Any], **look: Any) -> None:
    size = min(16.0, max(3.0, 3000 / max(1, len(places))))
    axes.scatter(places[:, 0], places[:, 1], **{"s": size, **look})


def _points(axes: Axes, points: NDArray[Any], data: NDArray[Any] | None) -> None:
    flat = principal_plane(data if data is not None else points)
    shown = [flat(points)]
    if data is not None:
        shown.append(flat(data))
        _dots(axes, shown[1], **DATA)
    _dots(axes, shown[0], **MODEL)
    frame(axes, np.concatenate(shown))
    axes.set_aspect("equal", "box")


def _draw(subjects: Sequence[Subject], drawn: Sequence[Drawing], options: Options) -> Figure:
    """Return a figure with a panel for each configuration, under its name: a picture, or what is drawn."""
    narrow = options.width < 5 and len(subjects) > 1
    each = 1.65 if narrow else 3.3
    flat = WIDE if len(subjects) == 1 and options.width > 5 else 1.0  # of points
    ratios = [part.shape[0] / part.shape[1] if isinstance(part, np.ndarray) else flat for part in drawn]
    figure, axes = panels(options.width, len(subjects), each=each, ratio=max(ratios))
    for subject, part, here in zip(subjects, drawn, axes, strict=True):
        if isinstance(part, np.ndarray):
            here.imshow(part, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            here.set_axis_off()
        else:
            part(here)
        if len(subjects) > 1:
            here.set_title(wrapped_to(name(subject.label), width_of(here)))
    outside_legend(figure, axes[0])
    return figure
