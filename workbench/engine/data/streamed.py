"""Rows of a split that stay on disk and are read batch by batch; on a GPU, the next ones ahead of time."""

from __future__ import annotations

import warnings
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from workbench.spec.data.files.raw import Array
from workbench.spec.data.files.view import View


class Streamed:
    """Takes rows [n, D] of a view to the device, as they are stored.

    For a GPU they pass through two pinned buffers in turn: while one is copied, a thread fills the other with
    the rows that `prefetch` names. A buffer is filled again only when its copy is done.
    """

    def __init__(self, view: View, device: torch.device) -> None:
        self.view, self.device = view, device
        self._ahead: tuple[Array, Future[Tensor]] | None = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the map is read-only; it is never written to
            self._stored = torch.from_numpy(view.base)
        self._rows = None if view.rows is None else torch.from_numpy(view.rows)
        if device.type == "cuda":
            self._buffers = [torch.empty(0), torch.empty(0)]
            self._copied = [torch.cuda.Event(), torch.cuda.Event()]
            self._turn = 0
            self._thread = ThreadPoolExecutor(1, "prefetch")

    def take(self, index: Tensor) -> Tensor:
        """Return the rows at `index` [n]; one on the GPU makes the host wait for it."""
        if self.device.type != "cuda":
            return self._stored.index_select(0, index if self._rows is None else self._rows[index])
        rows = index.cpu().numpy()
        ahead, self._ahead = self._ahead, None
        filled = ahead[1].result() if ahead is not None else None
        if filled is None or ahead is None or not np.array_equal(ahead[0], rows):
            filled = self._fill(rows)
        taken = filled.to(self.device, non_blocking=True)
        self._copied[self._turn].record()
        return taken

    def prefetch(self, index: Tensor) -> None:
        """Begin to read the rows at `index` [n], on the host, which the next `take` will ask for."""
        if self.device.type == "cuda":
            rows = index.numpy().copy()
            self._ahead = rows, self._thread.submit(self._fill, rows)

    def _fill(self, rows: Array) -> Tensor:
        """Return rows in the other pinned buffer."""
        self._turn = 1 - self._turn
        base = self.view.base
        shape = (len(rows), base.shape[1])
        self._copied[self._turn].synchronize()
        if self._buffers[self._turn].shape != shape:
            self._buffers[self._turn] = torch.empty(shape, dtype=self._stored.dtype, pin_memory=True)
        buffer = self._buffers[self._turn]
        found = rows if self.view.rows is None else self.view.rows[rows]
        base.take(found, 0, out=buffer.numpy(), mode="clip")  # other modes make a copy first
        return buffer
