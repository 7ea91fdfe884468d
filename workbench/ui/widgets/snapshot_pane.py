"""What the scatter and sample panes share: stepping through seeds and through the snapshots of a run."""

from __future__ import annotations

from typing import Any, Literal

from workbench.api.live import LiveRun
from workbench.ui.widgets.pane import Pane


def never(live: LiveRun | None, what: Literal["samples", "latents"]) -> str:
    """Return a sentence, with where to look instead, if the run's family makes no such snapshots; else ""."""
    if live is None or live.spec is None:
        return ""
    family = type(live.spec.model)
    if family.has_samples if what == "samples" else family.has_latents:
        return ""
    look = "samples show what it learns" if family.has_samples else "curves show how it learns"
    return f"A {family.title} run has no {what}.\nIts {look}."


class SnapshotPane(Pane):
    """Shows one seed at one step: the newest until the user steps back."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.member = 0  # place in the list of seeds
        self.step: int | None = None  # None: follow the newest

    def reset(self) -> None:
        self.member, self.step = 0, None

    def source(self) -> Any:
        live = self.live
        return live and (id(live), live.versions["snapshots"], None if self.steps() else live.version)

    def steps(self) -> list[int]:
        """Return the steps there are snapshots of, ascending."""
        raise NotImplementedError

    def step_seed(self, by: int) -> None:
        """Show the seed `by` places further, round and round."""
        if self.live is not None:
            self.member = (self.member + by) % max(1, len(self.live.seeds))
            self.changed()

    def next_seed(self) -> None:
        """Show the next seed."""
        self.step_seed(1)

    def previous_seed(self) -> None:
        """Show the seed before."""
        self.step_seed(-1)

    def older(self) -> None:
        """Show the snapshot before."""
        steps = self.steps()
        if steps:
            here = steps.index(self.step) if self.step in steps else len(steps) - 1
            self.step = steps[max(0, here - 1)]
            self.changed()

    def newer(self) -> None:
        """Show the next snapshot; at the last one, follow the newest again."""
        steps = self.steps()
        if steps and self.step in steps:
            here = steps.index(self.step) + 1
            self.step = steps[here] if here < len(steps) - 1 else None
            self.changed()

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
