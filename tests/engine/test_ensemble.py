"""Stacked layers: S ordinary networks computed as one."""

from __future__ import annotations

import math

import pytest
import torch

from workbench.engine.ensemble import ACTIVATIONS, LayerNorm, Linear, mlp
from workbench.engine.streams import Streams


def test_a_stacked_linear_layer_is_many_ordinary_ones() -> None:
    layer = Linear(6, 4, Streams([0, 1, 2], dtype=torch.float64))
    x = torch.randn(3, 5, 6, dtype=torch.float64)
    for member in range(3):
        expected = torch.nn.functional.linear(x[member], layer.weight[member].T, layer.bias[member, 0])
        torch.testing.assert_close(layer(x)[member], expected)


def test_weights_start_as_in_an_ordinary_linear_layer_differently_in_each_member() -> None:
    layer = Linear(100, 200, Streams([0, 1]))
    bound = 1 / math.sqrt(100)
    for values in (layer.weight, layer.bias):
        assert values.abs().max() <= bound and not torch.equal(values[0], values[1])
    assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_layer_norm_normalises_rows_with_a_scale_per_member() -> None:
    norm = LayerNorm(8, Streams([0, 1]))
    with torch.no_grad():
        norm.scale[1] = 3
        norm.shift[1] = 5
    y = norm(torch.randn(2, 10, 8))
    torch.testing.assert_close(y[0].mean(-1), torch.zeros(10), atol=1e-5, rtol=0)
    torch.testing.assert_close(y[1].mean(-1), torch.full((10,), 5.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(y[1].std(-1, correction=0), torch.full((10,), 3.0), atol=1e-2, rtol=0)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_perceptron_has_its_layers_in_order(activation: str) -> None:
    net = mlp([4, 7, 2], activation, Streams([0]), layer_norm=True)
    kinds = [type(layer) for layer in net]
    assert kinds == [Linear, LayerNorm, ACTIVATIONS[activation], Linear]
    assert net(torch.randn(1, 3, 4)).shape == (1, 3, 2)
    assert type(mlp([4, 7, 2], activation, Streams([0]), last_activation=True)[-1]) is ACTIVATIONS[activation]
