"""Fixed random subsets of a data set: fewer examples than there are, and those held out for validation."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from workbench.engine.streams import stream_seed
from workbench.errors import DATA, WorkbenchError
from workbench.spec.data import Arrays
from workbench.spec.schema import DataSettings


def choose(available: int, size: int, split: str, settings: DataSettings) -> Tensor:
    """Return the rows of a split to keep, [size] int64 (0 keeps all, in order).

    Raises:
        WorkbenchError: if there are fewer examples than asked for.
    """
    if size > available:
        raise WorkbenchError(
            f"{settings.name} has {available} {split} examples, and data.{split}_size asks for {size}.",
            f"Set data.{split}_size to {available} or less, or to 0 for all.",
            DATA,
        )
    if size in (0, available):
        return torch.arange(available)
    generator = torch.Generator().manual_seed(stream_seed(settings.seed, f"{settings.salt}/{split}"))
    return torch.randperm(available, generator=generator)[:size]


def hold_out(arrays: Arrays, settings: DataSettings) -> Arrays:
    """Take `validation_size` training examples out of the training set, the same ones for every seed.

    The test set stays untouched: were it to decide when to stop, its result would be too good.

    Raises:
        WorkbenchError: if nothing would be left to train on.
    """
    size, available = settings.validation_size, len(arrays.train_x)
    if size == 0:
        return arrays
    if size >= available:
        raise WorkbenchError(
            f"data.validation_size takes all {available} training examples of {settings.name}.",
            f"Set it to less, say {available // 10 or 1}.",
            DATA,
        )
    generator = torch.Generator().manual_seed(stream_seed(settings.seed, f"{settings.salt}/validation"))
    order = torch.randperm(available, generator=generator)
    held, kept = order[:size], order[size:].sort().values
    return replace(
        arrays,
        train_x=arrays.train_x[kept],
        train_y=arrays.train_y[kept],
        validation=(arrays.train_x[held], arrays.train_y[held]),
    )
