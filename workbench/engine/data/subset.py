"""A fixed random subset of a data set, for runs that ask for fewer examples than there are."""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.engine.streams import stream_seed
from workbench.errors import DATA, WorkbenchError
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
    generator = torch.Generator().manual_seed(stream_seed(settings.seed, f"{settings.name}/{split}"))
    return torch.randperm(available, generator=generator)[:size]
