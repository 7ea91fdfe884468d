"""What a training step is given: a minibatch, and what a model may know of its data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.spec.data.base import Kind


@dataclass(frozen=True)
class DataInfo:
    """What a model may know of its data."""

    name: str
    shape: tuple[int, ...]  # of one example: (2,), (4,), (28, 28), (32, 32, 3)
    kind: Kind
    train_size: int
    test_size: int
    classes: int  # 0: no labels
    finite: bool = False  # a finite set of equally likely examples
    content: str = ""  # hash of own data

    @property
    def identity(self) -> str:
        """What runs on the same data share, as `DataSettings.identity`."""
        return f"hash {self.content}" if self.content else self.name

    @property
    def dimensions(self) -> int:
        return int(torch.Size(self.shape).numel())


@dataclass(frozen=True)
class Batch:
    """One minibatch per member: x [S, B, D], labels y [S, B], index [S, B] into the training set."""

    x: Tensor
    y: Tensor
    index: Tensor
