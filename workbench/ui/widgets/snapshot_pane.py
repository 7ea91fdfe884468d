"""What the scatter and sample panes share: stepping through seeds and through the snapshots of a run."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Palette
from workbench.ui.widgets.pane import Pane, message, waiting


class SnapshotPane(Pane):
    """Shows one seed at one step: the newest until the user steps back."""

    WATCHES = "snapshots"
    KIND: ClassVar[Literal["samples", "latents"]]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.member = 0  # place in the list of seeds
        self.step: int | None = None  # None: follow the newest

    def reset(self) -> None:
        self.member, self.step = 0, None

    def steps(self) -> list[int]:
        """Return the steps of all snapshots, ascending."""
        if self.live is None:
            return []
        return self.live.sample_steps() if self.KIND == "samples" else self.live.latent_steps()

    def step_seed(self, by: int) -> None:
        """Show the seed `by` places further, round and round."""
        if self.live is not None:
            self.member = (self.member + by) % max(1, len(self.live.seeds))
            self.changed()

    def step_snapshot(self, by: int) -> None:
        """Show the snapshot `by` places further; from the last one on, follow the newest again."""
        steps = self.steps()
        if steps:
            here = steps.index(self.step) if self.step in steps else len(steps) - 1
            there = max(0, here + by)
            self.step = steps[there] if there < len(steps) - 1 else None
            self.changed()

    def draw(self, frame: Frame, palette: Palette) -> None:
        """Draw the chosen snapshot, or why it cannot be drawn."""
        live, wanted = self.live, self.step if self.step in self.steps() else None
        snapshot: Any = None
        if live is not None:
            snapshot = live.samples(wanted) if self.KIND == "samples" else live.latents(wanted)
        if snapshot is not None:
            self.draw_snapshot(frame, palette, snapshot)
            return
        family = type(live.spec.model) if live is not None and live.spec is not None else None
        if self.steps():
            nothing = f"This snapshot of the {self.KIND} cannot be read.\nThe next one will be tried."
        elif family is not None and not (
            family.has_samples if self.KIND == "samples" else family.has_latents
        ):
            look = "samples show what it learns" if family.has_samples else "curves show how it learns"
            nothing = f"A {family.title} run has no {self.KIND}.\nIts {look}."
        elif live is not None and live.progress.over:
            nothing = f"This run kept no {self.KIND}."
        else:
            nothing = f"The first {self.KIND} are not written yet."
        message(frame, palette, waiting(live, nothing))

    def draw_snapshot(self, frame: Frame, palette: Palette, snapshot: Any) -> None:
        """Fill the frame with a snapshot that was read."""
        raise NotImplementedError

    def place(self, seeds: int) -> list[str]:
        """Return in words which seed and which snapshot are shown, the parts one by one."""
        steps = self.steps()
        step = self.step if self.step in steps else steps[-1] if steps else 0
        names = self.live.seeds if self.live is not None else ()
        member = self.member % max(1, seeds)
        name = names[member] if member < len(names) else member
        which = f" ({member + 1} of {seeds})" if seeds > 1 else ""
        older = f", snapshot {steps.index(step) + 1} of {len(steps)}" if self.step in steps else ""
        return [f"step {step}{older}", f" · seed {name}{which}"]
