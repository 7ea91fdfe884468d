"""The latents of examples, coloured by class; more than two dimensions by PCA."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.api.live import Latents
from workbench.results.pca import Projection, principal_plane
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.scatter import by_class, legend, scatter
from workbench.ui.widgets.snapshot_pane import SnapshotPane


class ScatterPane(SnapshotPane):
    """Latents of one seed. The PCA basis is that of the first snapshot, so that pictures can be compared."""

    HELP = "Show the scatter of the latents, coloured by class."
    KIND = "latents"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._planes: dict[tuple[int, int], tuple[int, Projection]] = {}  # (seed, d) → (step, plane)

    def reset(self) -> None:
        super().reset()
        self._planes = {}

    def _plane(self, member: int, latents: Latents) -> tuple[int, Projection]:
        """Return the plane that `member` is shown in, and the step it was found at."""
        d = latents.z.shape[2]
        if (member, d) not in self._planes:
            steps = self.steps()
            first = self.live.latents(steps[0]) if self.live is not None and d > 2 else None
            if first is None or first.z.shape[2] != d or len(first.z) <= member:
                first = latents
            self._planes[member, d] = first.step, principal_plane(first.z[member])
        return self._planes[member, d]

    def draw_snapshot(self, frame: Frame, palette: Palette, snapshot: Latents) -> None:
        member, d = self.member % snapshot.seeds, snapshot.z.shape[2]
        step, plane = self._plane(member, snapshot)
        xy = plane(snapshot.z[member])
        if d == 1:  # a line: spread by class, so that it can be seen
            xy[:, 1] = snapshot.labels
        clouds, classes = by_class(palette, xy, snapshot.labels)
        parts: list[str | tuple[str, ...]] = [*self.place(snapshot.seeds)]
        if d > 2:
            how, since = f" · PCA of {d}-d z", f" at step {step}"
            parts.append((f"{how}{since} ({plane.explained:.0%} of its variance)", f"{how}{since}", how))
        lost = int((~np.isfinite(xy).all(1)).sum())
        axes = ("z₁" if d <= 2 else "PC 1", "")
        outside = scatter(frame, palette, 2 if classes else 1, clouds, axes) - lost
        missing = [f"{outside} outside"] * bool(outside) + [f"× {lost} not finite"] * bool(lost)
        text = " · ".join(missing)
        right = frame.width - len(text)
        frame.parts(0, 0, [(part, palette.faint(0.75)) for part in parts], right - bool(missing))
        frame.put(max(0, right), 0, text, palette.warn())
        if classes:
            legend(frame, palette, 1, classes)
