"""Rows of an array that may be a memory map: a split that is read only where it is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.spec.data.files.raw import Array


class View:
    """Some rows, in some order, of an array [N, D]. An index gives another view; `read` gives the values."""

    def __init__(self, base: Array, rows: Array | None = None) -> None:
        self.base, self.rows = base.view(np.ndarray), rows

    def __len__(self) -> int:
        return len(self.base) if self.rows is None else len(self.rows)

    def __getitem__(self, index: Any) -> View:
        index = np.asarray(index)
        return View(self.base, index if self.rows is None else self.rows[index])

    @property
    def bytes(self) -> int:
        """Bytes of its rows as they are stored."""
        return len(self) * self.base.shape[1] * self.base.dtype.itemsize

    def take(self, index: Array) -> Array:
        """Return the rows at `index` [n] of the view, [n, D]."""
        return self.base.take(index if self.rows is None else self.rows[index], 0)

    def read(self) -> Array:
        """Return all rows, in memory."""
        return np.array(self.base) if self.rows is None else self.base.take(self.rows, 0)
