"""Early stopping with patience, for each stacked member by itself: when, and what state it keeps.

A member whose watched value has not fallen for `patience` validation points in a row stops: from then on
its weights and state are those of its best point, put back after every step of the others. No member
sees another's decision, and nothing here waits for the device but the reading of a validation point.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workbench.engine.model import LatentModel
from workbench.engine.samplers.langevin import per_member
from workbench.errors import WorkbenchError

WATCHED = ("nelbo", "loss", "reconstruction", "nll")  # the first that a family reports; all better lower


class EarlyStopping:
    """Best value, best state and patience of S members; tensors are [S], on the device of the run."""

    def __init__(self, model: LatentModel, patience: int, min_delta: float, device: torch.device) -> None:
        self.model, self.patience, self.min_delta = model, patience, min_delta
        members = model.members
        self.best = torch.full((members,), torch.inf, dtype=torch.float64, device=device)
        self.best_step = torch.zeros(members, dtype=torch.int64, device=device)  # 0: the initial state
        self.waited = torch.zeros(members, dtype=torch.int64, device=device)  # points without a better one
        self.stopped = torch.zeros(members, dtype=torch.bool, device=device)
        # known on the host, so that a step need not ask
        self.any_stopped = self.over = False
        self.kept = {name: value.clone() for name, value in self.model.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int, means: dict[str, Tensor], diverged: Tensor) -> None:
        """Take a validation point of means [S]; a value that is not finite is no better than any.

        Training is `over` once every member has stopped or `diverged` [S].

        Raises:
            WorkbenchError: if the family reports nothing that could be watched.
        """
        watched = next((name for name in (self.model.watched, *WATCHED) if name in means), "")
        if not watched:
            raise WorkbenchError(
                "This model reports nothing on held-out data that early stopping could watch.",
                "Set training.patience to 0.",
            )
        value = means[watched]
        better = (value < self.best - self.min_delta) & ~self.stopped
        self.best = torch.where(better, value, self.best)
        self.best_step.masked_fill_(better, step)
        for name, now in self.model.state_dict().items():
            self.kept[name] = torch.where(per_member(better, now), now, self.kept[name])
        self.waited = torch.where(better, 0, self.waited + 1)
        self.stopped |= self.waited >= self.patience
        self.any_stopped = bool(self.stopped.any())
        self.over = bool((self.stopped | diverged).all())
        self.hold()

    def hold(self) -> None:
        """Put every stopped member back to its best state; called after each step."""
        if self.any_stopped:
            self._put_back(self.stopped)

    def finish(self) -> None:
        """Put every member back to its best state: training is over."""
        self._put_back(torch.ones_like(self.stopped))

    @torch.no_grad()
    def _put_back(self, members: Tensor) -> None:
        for name, now in self.model.state_dict().items():
            now.copy_(torch.where(per_member(members, now), self.kept[name], now))

    def state_dict(self) -> dict[str, Any]:
        """Return everything that later decisions depend on."""
        return {
            name: getattr(self, name) for name in ("best", "best_step", "waited", "stopped", "over", "kept")
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        device = self.best.device
        for name in ("best", "best_step", "waited", "stopped"):
            setattr(self, name, state[name].to(device))
        self.kept = {name: value.to(device) for name, value in state["kept"].items()}
        self.over = state["over"]
        self.any_stopped = bool(self.stopped.any())
