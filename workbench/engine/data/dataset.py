"""A data set resident on the device: a batch is an index_select and a conversion, no loader."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.streams import Streams
from workbench.spec.data import Arrays

Split = Literal["train", "test", "validation"]


class DataSet:
    """Both splits on one device, and the one place where stored bytes become numbers."""

    def __init__(
        self, name: str, arrays: Arrays, *, dynamic: bool, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.info = DataInfo(
            name=name,
            shape=arrays.shape,
            kind="binary" if dynamic else arrays.kind,
            train_size=len(arrays.train_x),
            test_size=len(arrays.test_x),
            classes=arrays.classes,
            finite=arrays.finite,
        )
        self.dynamic = dynamic
        self.device, self.dtype = device, dtype
        self._scale = 1.0 / arrays.levels
        rows = range(len(arrays.test_x)) if arrays.test_rows is None else arrays.test_rows
        self.test_rows = np.asarray(rows, np.int64)  # [n], in the data set's own test split
        self._x = {
            "train": self._resident(arrays.train_x, device),
            "test": self._resident(arrays.test_x, device),
        }
        self._y = {"train": arrays.train_y.to(device), "test": arrays.test_y.to(device)}
        if arrays.validation is not None:
            self._x["validation"] = self._resident(arrays.validation[0], device)
            self._y["validation"] = arrays.validation[1].to(device)

    def _resident(self, x: Tensor, device: torch.device) -> Tensor:
        return x.to(device) if x.dtype == torch.uint8 else x.to(device, self.dtype)

    @property
    def has_validation(self) -> bool:
        """Whether examples were held out of the training set."""
        return "validation" in self._y

    def labels(self, split: Split) -> Tensor:
        """Return all labels of a split, [N] int64 (all 0 where the data have none)."""
        return self._y[split]

    def fingerprints(self, split: Split, count: int) -> NDArray[np.uint64]:
        """Return 64-bit hashes [count] of a split's first examples as stored, before any binarisation.

        Equal ones are the same example, treated alike (name, shape and kind).
        """
        salt = f"{self.info.name} {self.info.shape} {self.info.kind}".encode()
        rows = self._x[split][:count]
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
        flat = index.reshape(-1)
        x = self._x[split].index_select(0, flat).view(*index.shape, -1)
        y = self._y[split].index_select(0, flat).view(index.shape)
        if x.dtype == torch.uint8:
            x = x.to(self.dtype).mul_(self._scale)
        if self.dynamic:
            x = (streams.uniform("binarise", *x.shape[1:]) < x).to(self.dtype)
        return Batch(x, y, index)

    def batch(self, index: Tensor, streams: Streams) -> Batch:
        """Return training examples at `index` [S, B]."""
        return self.examples("train", index, streams)

    def chunks(self, split: Split, streams: Streams, size: int = 500, limit: int = 0) -> Iterator[Batch]:
        """Yield a split in order, `size` examples at a time (the last one may be ragged); at most `limit`."""
        count = len(self._y[split]) if limit == 0 else min(limit, len(self._y[split]))
        every = torch.arange(count, device=self._y[split].device)
        for index in every.split(size):
            yield self.examples(split, index, streams)
