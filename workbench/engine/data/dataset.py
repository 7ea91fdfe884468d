"""A data set on the device, or read from disk: a batch is an index_select and a conversion, no loader."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.streamed import Streamed
from workbench.engine.streams import Streams
from workbench.spec.data import Arrays
from workbench.spec.data.files.view import View

Split = Literal["train", "test", "validation"]


class DataSet:
    """All splits, and the one place where stored bytes become numbers: (stored − shift) · scale.

    Splits that are views stay on disk; their labels and indices are then on the host. `own` is the hash of
    own data, None for a data set that its name identifies.
    """

    def __init__(
        self,
        name: str,
        arrays: Arrays,
        *,
        dynamic: bool,
        device: torch.device,
        dtype: torch.dtype,
        own: str | None = None,
    ) -> None:
        self.info = DataInfo(
            name=name,
            shape=arrays.shape,
            kind="binary" if dynamic else arrays.kind,
            train_size=len(arrays.train_x),
            test_size=len(arrays.test_x),
            classes=arrays.classes,
            finite=arrays.finite,
            content=own or "",
        )
        self.dynamic = dynamic
        self.device, self.dtype = device, dtype
        self._shift, self._scale = self._constants(arrays)
        rows = range(len(arrays.test_x)) if arrays.test_rows is None else arrays.test_rows
        self.test_rows = np.asarray(rows, np.int64)  # [n], in the data set's own test split
        self.skipped = arrays.skipped
        self._salt = name if own is None else "own"  # a label does not make examples differ
        splits: dict[Split, tuple[Any, Tensor]] = {
            "train": (arrays.train_x, arrays.train_y),
            "test": (arrays.test_x, arrays.test_y),
        }
        if arrays.validation is not None:
            splits["validation"] = arrays.validation
        self._x: dict[Split, Tensor | Streamed] = {}
        self._y: dict[Split, Tensor] = {}
        for split, (x, y) in splits.items():
            if isinstance(x, View):
                self._x[split], self._y[split] = Streamed(x, device), y
            else:
                self._x[split] = x.to(device) if x.dtype == torch.uint8 else x.to(device, dtype)
                self._y[split] = y.to(device)

    def _constants(self, arrays: Arrays) -> tuple[Tensor | float | None, Tensor | float]:
        """Return what is subtracted from stored values, and what they are multiplied by then."""

        def on_device(value: Any) -> Any:
            many = isinstance(value, np.ndarray)
            return torch.as_tensor(value).to(self.device, self.dtype) if many else value

        return on_device(arrays.shift), on_device(1.0 / arrays.levels)

    @property
    def streamed(self) -> bool:
        """Whether examples are read from disk."""
        return any(isinstance(x, Streamed) for x in self._x.values())

    @property
    def bytes(self) -> int:
        """Bytes of all examples as they are stored."""
        return sum(x.view.bytes if isinstance(x, Streamed) else x.nbytes for x in self._x.values())

    @property
    def has_validation(self) -> bool:
        """Whether examples were held out of the training set."""
        return "validation" in self._y

    def labels(self, split: Split) -> Tensor:
        """Return all labels of a split, [N] int64 (all 0 where the data have none)."""
        return self._y[split].to(self.device)

    @property
    def index_device(self) -> torch.device:
        """Where indices of training examples are best: on the host, if the examples are read from disk."""
        return self._y["train"].device

    def prefetch(self, index: Tensor | None) -> None:
        """Begin to read the training examples at `index` [S, B], of the next batch, if they are on disk."""
        stored = self._x["train"]
        if index is not None and isinstance(stored, Streamed):
            stored.prefetch(index.reshape(-1))

    def _rows(self, split: Split, flat: Tensor) -> Tensor:
        """Return examples at `flat` [n] as they are stored, a new tensor [n, D]."""
        stored = self._x[split]
        return stored.take(flat) if isinstance(stored, Streamed) else stored.index_select(0, flat)

    def fingerprints(self, split: Split, count: int) -> NDArray[np.uint64]:
        """Return 64-bit hashes [count] of a split's first examples as stored, before any binarisation.

        Equal ones are the same example, treated alike (name, shape and kind).
        """
        salt = f"{self._salt} {self.info.shape} {self.info.kind}".encode()
        every = torch.arange(min(count, len(self._y[split])), device=self._y[split].device)
        rows = self._rows(split, every)
        stored = (rows if rows.dtype == torch.uint8 else rows.float()).cpu().numpy()
        digests = b"".join(hashlib.blake2b(salt + row.tobytes(), digest_size=8).digest() for row in stored)
        return np.frombuffer(digests, "<u8").astype(np.uint64)

    def examples(self, split: Split, index: Tensor, streams: Streams) -> Batch:
        """Return the examples at `index` ([S, B], or [B] for the same ones in every member).

        Dynamic binarisation draws afresh from the stream "binarise" at every call.
        """
        members = len(streams.seeds)
        if index.dim() == 1:
            index = index.expand(members, -1)
        flat = index.reshape(-1).to(self._y[split].device)
        x = self._rows(split, flat).view(*index.shape, -1).to(self.dtype)
        y = self._y[split].index_select(0, flat).view(index.shape).to(self.device)
        if self._shift is not None:
            x = x.sub_(self._shift)
        if isinstance(self._scale, Tensor) or self._scale != 1:
            x = x.mul_(self._scale)
        if self.dynamic:
            x = (streams.uniform("binarise", *x.shape[1:]) < x).to(self.dtype)
        return Batch(x, y, index.to(self.device))

    def batch(self, index: Tensor, streams: Streams) -> Batch:
        """Return training examples at `index` [S, B]."""
        return self.examples("train", index, streams)

    def chunks(self, split: Split, streams: Streams, size: int = 500, limit: int = 0) -> Iterator[Batch]:
        """Yield a split in order, `size` examples at a time (the last one may be ragged); at most `limit`."""
        count = len(self._y[split]) if limit == 0 else min(limit, len(self._y[split]))
        every = torch.arange(count, device=self._y[split].device)
        for index in every.split(size):
            yield self.examples(split, index, streams)
