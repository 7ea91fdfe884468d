"""Made-up points in the plane: two moons and the uniform square."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workbench.engine.streams import stream_seed
from workbench.spec.data import Arrays
from workbench.spec.schema import DataSettings

Draw = Callable[[DataSettings, int, torch.Generator], tuple[Tensor, Tensor]]


def moons(settings: DataSettings, *_: Any) -> Arrays:
    """Return two half circles at random angles, with noise; by default 2000 train and 2000 test points.

    The circles are scikit-learn's, (cos a, sin a) and (1 − cos a, 0.5 − sin a) with a in [0, π], but the
    angles are random instead of evenly spaced: held-out points would otherwise be the training angles.
    """
    return _points(settings, _draw_moons, 2000, 2000, classes=2)


def square(settings: DataSettings, *_: Any) -> Arrays:
    """Return U[0, 1]², labelled by quadrant; by default 10 000 train and 2000 test points."""
    return _points(settings, _draw_square, 10_000, 2000, classes=4)


def _draw_moons(settings: DataSettings, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    angle = math.pi * torch.rand(count, generator=generator, dtype=torch.float64)
    y = torch.arange(count) % 2  # as many of either moon
    upper = torch.stack([angle.cos(), angle.sin()], -1)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], -1)
    noise = settings.noise * torch.randn(count, 2, generator=generator, dtype=torch.float64)
    return torch.where((y == 0)[:, None], upper, lower) + noise, y


def _draw_square(settings: DataSettings, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    return x, (x[:, 0] > 0.5).long() + 2 * (x[:, 1] > 0.5).long()


def _points(settings: DataSettings, draw: Draw, train: int, test: int, classes: int) -> Arrays:
    splits = []
    for name, size in (("train", settings.train_size or train), ("test", settings.test_size or test)):
        generator = torch.Generator().manual_seed(stream_seed(settings.seed, f"{settings.name}/{name}"))
        splits.append(draw(settings, size, generator))
    (train_x, train_y), (test_x, test_y) = splits
    if settings.standardise:
        mean, std = train_x.mean(0), train_x.std(0)
        train_x, test_x = (train_x - mean) / std, (test_x - mean) / std
    return Arrays(train_x, train_y, test_x, test_y, (2,), "points", classes)
