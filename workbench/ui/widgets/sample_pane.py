"""Samples from the model: a grid of pictures with real ones above, or points over the data."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.api.live import Samples
from workbench.results.pca import principal_plane
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.pixels import SCALES, fit, grid, paint, scaled
from workbench.ui.canvas.plot import Points
from workbench.ui.canvas.scatter import scatter
from workbench.ui.widgets.snapshot_pane import SnapshotPane


class SamplePane(SnapshotPane):
    """Samples of one seed at one step."""

    HELP = "Show the grid of samples from the model."
    KIND = "samples"
    CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {"scale": (None, *sorted(SCALES))}

    scale: float | None  # None: as large as shows enough pictures

    def draw_snapshot(self, frame: Frame, palette: Palette, snapshot: Samples) -> None:
        member = self.member % snapshot.seeds
        note: list[str] = []
        if snapshot.images is not None:
            note = self._pictures(frame, palette, snapshot.images[member], snapshot)
        elif snapshot.points is not None:
            note = self._points(frame, palette, snapshot.points[member], snapshot)
        frame.parts(0, 0, [(part, palette.faint(0.75)) for part in [*self.place(snapshot.seeds), *note]])

    def _pictures(
        self, frame: Frame, palette: Palette, images: NDArray[np.uint8], samples: Samples
    ) -> list[str]:
        """Draw originals above their reconstructions, or a row of real pictures, and the samples below.

        Returns remarks for the first line.
        """
        above = self._above(samples, images.shape[1:])
        for labelled in (frame.height > 8, False):  # a line of words gives way to a row of pictures
            rows = 2 * (frame.height - 1 - (2 if above and labelled else 0))
            scale, across, down = fit(
                len(images) + len(above), images.shape[1], images.shape[2], frame.width, rows
            )
            if self.scale is not None:
                scale = self.scale
                tall, wide = (scaled(size, scale) for size in images.shape[1:3])
                across, down = max(1, (frame.width + 1) // (wide + 1)), max(1, (rows + 1) // (tall + 1))
            if down > len(above):
                break
        above = above[: max(0, down - 1)]
        y = 1
        for pictures in above:
            drawn = grid(pictures, scale, across, 1)
            paint(frame, palette, 0, y, drawn)
            y += (len(drawn) + 1) // 2
        if above and labelled:
            words = "↑ real" if len(above) == 1 else "↑ originals, reconstructions"
            frame.put(0, y, f"{words}   ↓ samples", palette.faint(0.6))
            y += 1
        down -= len(above)
        paint(frame, palette, 0, y, grid(images, scale, across, down))
        hidden = len(images) - across * down
        return [f" · {across * down} of {len(images)}"] * (hidden > 0)

    def _above(self, samples: Samples, shape: tuple[int, ...]) -> list[NDArray[np.uint8]]:
        """Return the rows of pictures above the samples: originals and reconstructions, or real ones."""
        latents = self.live.latents(samples.step) if self.live is not None else None
        if latents is not None and latents.originals is not None and latents.reconstructions is not None:
            member = self.member % latents.seeds
            if latents.originals.shape[2:] == shape:
                return [latents.originals[member], latents.reconstructions[member]]
        return [samples.data] if samples.data is not None and len(samples.data) else []

    def _points(
        self, frame: Frame, palette: Palette, points: NDArray[np.float32], samples: Samples
    ) -> list[str]:
        """Draw samples over the data; return remarks for the first line."""
        d = points.shape[1]
        plane = principal_plane(points if samples.data is None or len(samples.data) < 2 else samples.data)
        clouds = []
        mono = palette.look.colours == "none"
        if samples.data is not None:
            xy = plane(samples.data)
            clouds.append(Points(xy[:, 0], xy[:, 1], palette.faint(0.5), "." if mono else ""))
        xy = plane(points)
        clouds.append(Points(xy[:, 0], xy[:, 1], palette.line(1), "*" if mono else ""))
        outside = scatter(frame, palette, 1, clouds, ("x₁" if d <= 2 else "PC 1", ""))
        remarks = [f" · {outside} outside"] * bool(outside) + [" · grey: data"] * (samples.data is not None)
        return remarks + [f" · PCA of {d}-d points"] * (d > 2)
