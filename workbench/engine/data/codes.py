"""Finite sets of binary vectors, each equally likely: the exact optimum of any model is known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workbench.engine.streams import stream_seed
from workbench.spec.data import Arrays
from workbench.spec.schema import DataSettings

TRAIN, TEST = 4096, 1024  # shared equally among the codes: multiples of 4, 8 and 256


def onehot4(settings: DataSettings, *_: Any) -> Arrays:
    """Return the 4 one-hot vectors; the optimum of mean log p(x) is −ln 4."""
    return _repeat(settings, torch.eye(4, dtype=torch.uint8))


def onehot8(settings: DataSettings, *_: Any) -> Arrays:
    """Return the 8 one-hot vectors; the optimum of mean log p(x) is −ln 8."""
    return _repeat(settings, torch.eye(8, dtype=torch.uint8))


def bits8(settings: DataSettings, *_: Any) -> Arrays:
    """Return all 256 vectors of 8 bits, or a fixed random subset of `settings.codes` of them.

    With all 256 a decoder that has learnt nothing is already optimal (−8 ln 2); a subset of n asks for −ln n.
    """
    values = torch.arange(256)
    if settings.codes:
        generator = torch.Generator().manual_seed(stream_seed(settings.seed, "bits8/codes"))
        values = torch.randperm(256, generator=generator)[: settings.codes].sort().values
    return _repeat(settings, (values[:, None] >> torch.arange(7, -1, -1) & 1).to(torch.uint8))


def _repeat(settings: DataSettings, codes: Tensor) -> Arrays:
    """Repeat the codes in turn; sizes are rounded up to whole rounds, so that all stay equally likely."""
    splits = []
    for size in (settings.train_size or TRAIN, settings.test_size or TEST):
        y = torch.arange(len(codes)).repeat(-(-size // len(codes)))
        splits.append((codes[y], y))
    (train_x, train_y), (test_x, test_y) = splits
    return Arrays(train_x, train_y, test_x, test_y, (codes.shape[1],), "binary", len(codes), finite=True)
