"""Optimisers: elementwise, clipped per member, slowed by the schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from workbench.engine.optim import clip_gradients, make_optimiser, ramp, rate_factor, set_rates
from workbench.spec.schema import TrainingSettings


def training(**changes: object) -> TrainingSettings:
    return TrainingSettings.model_validate({"iterations": 100, **changes})


TEXTBOOK: list[tuple[dict[str, Any], Callable[[nn.Parameter], torch.optim.Optimizer]]] = [
    ({"optimiser": "adam"}, lambda p: torch.optim.Adam([p], 0.1, (0.5, 0.999))),
    (
        {"optimiser": "adamw", "weight_decay": 0.2},
        lambda p: torch.optim.AdamW([p], 0.1, (0.5, 0.999), weight_decay=0.2),
    ),
    ({"optimiser": "sgd"}, lambda p: torch.optim.SGD([p], 0.1)),
    ({"optimiser": "sgd", "weight_decay": 0.2}, lambda p: torch.optim.SGD([p], 0.1, weight_decay=0.2)),
    ({"optimiser": "sgd", "momentum": 0.8}, lambda p: torch.optim.SGD([p], 0.1, momentum=0.8)),
]


@pytest.mark.parametrize(
    ("settings", "textbook"), TEXTBOOK, ids=[" ".join(map(str, s.values())) for s, _ in TEXTBOOK]
)
def test_the_fused_optimiser_takes_the_textbook_step(
    settings: dict[str, Any], textbook: Callable[[nn.Parameter], torch.optim.Optimizer]
) -> None:
    fused, plain = nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(2, 3))
    ours = make_optimiser([fused], training(lr=0.1, beta1=0.5, **settings))
    theirs = textbook(plain)
    for _ in range(3):
        for parameter, optimiser in ((fused, ours), (plain, theirs)):
            optimiser.zero_grad()
            (parameter.square() * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
            optimiser.step()
    torch.testing.assert_close(fused, plain)


def test_clipping_looks_at_each_member_alone_and_without_a_limit_does_nothing() -> None:
    weight, bias = nn.Parameter(torch.zeros(2, 3, 4)), nn.Parameter(torch.zeros(2))
    weight.grad = torch.stack([torch.full((3, 4), 10.0), torch.full((3, 4), 0.01)])
    bias.grad = torch.tensor([5.0, 0.02])
    whole, small = weight.grad.clone(), weight.grad[1].clone()
    clip_gradients([weight, bias], 0.0)
    assert torch.equal(weight.grad, whole)
    clip_gradients([weight, bias], 1.0)
    assert torch.cat([weight.grad[0].flatten(), bias.grad[0].flatten()]).norm().item() == pytest.approx(1.0)
    assert torch.equal(weight.grad[1], small)


def test_a_linear_schedule_is_flat_and_then_falls_to_its_share() -> None:
    settings = training(schedule="linear", decay_from=0.5, decay_to=0.02)
    factors = [rate_factor(settings, step, 100) for step in range(101)]
    assert factors[:51] == [1.0] * 51
    assert factors[75] == pytest.approx(0.51)
    assert factors[100] == pytest.approx(0.02)
    assert rate_factor(training(), 99, 100) == 1.0
    assert rate_factor(training(schedule="linear", decay_from=1.0), 100, 100) == 1.0


def test_a_cosine_schedule_rises_and_then_falls_by_half_a_cosine() -> None:
    settings = training(schedule="cosine", warmup=0.2, decay_to=0.1)  # a fifth of 100 updates
    factors = [rate_factor(settings, step, 100) for step in range(101)]
    assert factors[:20] == pytest.approx([(step + 1) / 20 for step in range(20)])
    assert factors[20] == 1.0
    assert factors[60] == pytest.approx(0.55)
    assert factors[80] == pytest.approx(1 - 0.9 * (1 + math.sqrt(0.5)) / 2)
    assert factors[100] == pytest.approx(0.1)


def test_a_warm_up_counts_updates_or_a_share_of_them() -> None:
    assert [rate_factor(training(warmup=4), step, 100) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert [ramp(0.04, step, 100) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert ramp(0.0, 0, 100) == ramp(1.0, 0, 100) == 1.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"momentum": 0.9}, "training.momentum needs"),
        ({"weight_decay": 0.1, "optimiser": "adam"}, "training.weight_decay needs"),
    ],
)
def test_settings_of_another_optimiser_are_an_error(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        training(**changes)


def test_decoupled_decay_does_not_enter_the_momentum() -> None:
    weight = nn.Parameter(torch.ones(2))
    optimiser = make_optimiser([weight], training(optimiser="sgd", lr=0.1, momentum=0.9, weight_decay=0.5))
    for _ in range(3):
        weight.grad = torch.zeros(2)
        optimiser.step()
    torch.testing.assert_close(weight.detach(), torch.full((2,), 0.95**3))


def test_rates_are_set_relative_to_where_each_began() -> None:
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    first = make_optimiser([parameters[0]], training(lr=0.1))
    second = make_optimiser([parameters[1]], training(lr=0.1), lr=0.4)
    for factor in (0.5, 0.25):
        set_rates([first, second], factor)
    assert first.param_groups[0]["lr"] == pytest.approx(0.025)
    assert second.param_groups[0]["lr"] == pytest.approx(0.1)


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_decoupled_decay_shrinks_weights_without_a_gradient(kind: str) -> None:
    decayed, free = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    groups = [{"params": [decayed], "weight_decay": 0.5}, {"params": [free]}]
    optimiser = make_optimiser(groups, training(lr=0.1, optimiser=kind))
    decayed.grad, free.grad = torch.zeros(2), torch.zeros(2)
    optimiser.step()
    torch.testing.assert_close(decayed.detach(), torch.full((2,), 0.95))
    assert torch.equal(free.detach(), torch.ones(2))
