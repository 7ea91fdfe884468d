"""The smallest value of a function of one number, for all members at once: a grid, then golden sections."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

GOLDEN = (math.sqrt(5) - 1) / 2


def minimise(
    cost: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, *, points: int = 12, sections: int = 12
) -> Tensor:
    """Return the arguments [S] between low and high [S] at which cost, [S] → [S], is smallest.

    Right up to (high − low) / points · 0.62^sections for a function with one valley between two points
    of the grid; costs points + sections + 2 evaluations.
    """
    grid = [low + (high - low) * place / (points - 1) for place in range(points)]
    best = torch.stack([cost(x) for x in grid]).argmin(0)
    width = (high - low) / (points - 1)
    centre = low + width * best
    left, right = torch.maximum(low, centre - width), torch.minimum(high, centre + width)
    inner = [right - GOLDEN * (right - left), left + GOLDEN * (right - left)]
    found = [cost(inner[0]), cost(inner[1])]
    for _ in range(sections):
        lower = found[0] < found[1]  # the smaller value is on the left: give up what is right of both
        left, right = torch.where(lower, left, inner[0]), torch.where(lower, inner[1], right)
        fresh = torch.where(lower, right - GOLDEN * (right - left), left + GOLDEN * (right - left))
        value = cost(fresh)
        inner = [torch.where(lower, fresh, inner[1]), torch.where(lower, inner[0], fresh)]
        found = [torch.where(lower, value, found[1]), torch.where(lower, found[0], value)]
    return (left + right) / 2
