"""The one-dimensional search finds each member's own minimum, at the ends of the range too."""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.engine.evaluation.line_search import minimise


def test_every_member_gets_its_own_minimum_with_the_promised_accuracy() -> None:
    wanted = torch.tensor([-1.9, 0.37, 4.9, 9.0, -7.0], dtype=torch.float64)  # the last two are outside
    calls = []

    def cost(x: Tensor) -> Tensor:
        calls.append(1)
        return (x - wanted).abs() ** 1.5

    low, high = torch.full_like(wanted, -2.0), torch.full_like(wanted, 5.0)
    found = minimise(cost, low, high, points=10, sections=20)
    assert len(calls) == 32
    accuracy = 7 / 9 * 2 * 0.619**20
    torch.testing.assert_close(found, wanted.clamp(-2.0, 5.0), rtol=0, atol=accuracy)
