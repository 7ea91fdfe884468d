"""In which order a member sees its training examples: one random permutation after another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workbench.engine.streams import Streams


class Order:
    """Batches of indices, each example once per pass; a batch may span the end of one pass and the next.

    So all batches have one size, also where the set is smaller than the batch or not a multiple of it.
    """

    def __init__(self, streams: Streams, size: int, device: torch.device | None = None) -> None:
        self.streams, self.size = streams, size
        self.device = streams.device if device is None else device  # of the indices
        self._permutation = torch.empty(len(streams.seeds), 0, dtype=torch.int64, device=self.device)
        self._position = 0

    def next(self, batch: int) -> Tensor:
        """Return the next indices into the training set, [S, batch] int64, from the stream "order"."""
        parts = []
        while batch > 0:
            if self._position >= self._permutation.shape[1]:
                drawn = self.streams.permutation("order", self.size)
                self._permutation, self._position = drawn.to(self.device), 0
            part = self._permutation[:, self._position : self._position + batch]
            self._position += part.shape[1]
            batch -= part.shape[1]
            parts.append(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    def upcoming(self, batch: int) -> Tensor | None:
        """Return what `next` will, if no other permutation must be drawn for it."""
        end = self._position + batch
        return self._permutation[:, self._position : end] if end <= self._permutation.shape[1] else None

    def state_dict(self) -> dict[str, Any]:
        """Return the permutation in use and the place in it."""
        return {"permutation": self._permutation.to(torch.int32), "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self._permutation = state["permutation"].to(self.device, torch.int64)
        self._position = state["position"]
