"""Where examples lie in latent space, coloured by class; more than two dimensions by PCA."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.api.live import Latents
from workbench.results.pca import Projection, principal_plane
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Palette
from workbench.ui.canvas.scatter import by_class, legend, scatter
from workbench.ui.widgets.pane import message, waiting
from workbench.ui.widgets.snapshot_pane import SnapshotPane, never


class ScatterPane(SnapshotPane):
    """Latents of one seed. The PCA basis is that of the first snapshot, so that pictures can be compared."""

    TITLE = "latents"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._planes: dict[tuple[int, int], tuple[int, Projection]] = {}  # (seed, d) → (step, plane)

    def reset(self) -> None:
        super().reset()
        self._planes = {}

    def steps(self) -> list[int]:
        return self.live.latent_steps() if self.live is not None else []

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

    def draw(self, frame: Frame, palette: Palette) -> None:
        wanted = self.step if self.step in self.steps() else None
        latents = self.live.latents(wanted) if self.live is not None else None
        if latents is None:
            nothing = "The first picture of the latents is on its way."
            if self.live is not None and self.live.progress.over:
                nothing = "This run kept no latents."
            nothing = never(self.live, "latents") or nothing
            if self.steps():
                nothing = (
                    "This snapshot of the latents cannot be read.\nThe next one will be tried when it comes."
                )
            message(frame, palette, waiting(self.live, nothing))
            return
        member, d = self.member % latents.seeds, latents.z.shape[2]
        step, plane = self._plane(member, latents)
        xy = plane(latents.z[member])
        if d == 1:  # a line: spread by class, so that it can be seen
            xy[:, 1] = latents.labels
        clouds, classes = by_class(palette, xy, latents.labels)
        parts: list[str | tuple[str, ...]] = [*self.place(latents.seeds)]
        if d > 2:
            how, since = f" · PCA of {d}-d z", f" at step {step}"
            parts.append((f"{how}{since} ({plane.explained:.0%} of its variance)", f"{how}{since}", how))
        lost = int((~np.isfinite(xy).all(1)).sum())
        outside = (
            scatter(frame, palette, 2 if classes else 1, clouds, ("z₁" if d <= 2 else "PC 1", "")) - lost
        )
        told = [f"{outside} outside"] * bool(outside) + [f"× {lost} not finite"] * bool(lost)
        text = " · ".join(told)
        right = frame.width - len(text)
        frame.parts(0, 0, [(part, palette.faint(0.75)) for part in parts], right - bool(told))
        frame.put(max(0, right), 0, text, palette.warn())
        if classes:
            legend(frame, palette, 1, classes)
