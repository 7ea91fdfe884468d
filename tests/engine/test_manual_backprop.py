"""Hand-written input gradients equal autograd's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from workbench.engine.data.batch import DataInfo
from workbench.engine.ensemble import ACTIVATIONS, mlp
from workbench.engine.manual_backprop import add_weight_gradients, input_gradient, traced
from workbench.engine.nets import decoder
from workbench.engine.streams import Streams


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_agrees_with_autograd(activation: str) -> None:
    streams = Streams((0, 1), dtype=torch.float64)
    net = mlp([3, 7, 5, 4], activation, streams)
    z, target = 3 * streams.normal("z", 11, 3), streams.normal("x", 11, 4)
    leaf = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(0.5 * (net(leaf) - target).square().sum(), leaf)
    found = input_gradient(net, z, lambda out: out - target)
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad and all(p.grad is None for p in net.parameters())


def test_a_net_without_hidden_layers_is_its_matrix() -> None:
    streams = Streams((0,), dtype=torch.float64)
    net = mlp([2, 1], "silu", streams)
    found = input_gradient(net, streams.normal("z", 4, 2), torch.ones_like)
    torch.testing.assert_close(found, net[0].weight.mT.expand(1, 4, 2))  # type: ignore[union-attr,operator]


def convolutional(kind: str, streams: Streams, *, layer_norm: bool = False) -> nn.Module:
    data = DataInfo("made up", (8, 8), "grey", 1, 1, 0)
    return decoder(kind, data, 3, [3, 2], "elu", streams, layer_norm=layer_norm)


@pytest.mark.parametrize("kind", ["conv", "residual"])
def test_convolutional_nets_agree_with_autograd(kind: str) -> None:
    streams = Streams((0, 1), dtype=torch.float64)
    net, z = convolutional(kind, streams), streams.normal("z", 5, 3)
    leaf = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(0.5 * (net(leaf) - 0.3).square().sum(), leaf)
    found = input_gradient(net, z, lambda out: out - 0.3)
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad and all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("kind", ["dense", "conv", "residual"])
def test_weight_gradients_can_be_had_later(kind: str, layer_norm: bool) -> None:
    """Two traces added with a scale equal autograd on the scaled sum of both."""
    streams = Streams((0, 1), dtype=torch.float64)
    dense = mlp([3, 7, 5, 4], "elu", streams, layer_norm=layer_norm)
    net = dense if kind == "dense" else convolutional(kind, streams, layer_norm=layer_norm)
    both = [streams.normal("z", 6, 3) for _ in range(2)]
    loss = sum(0.3 * net(z).square().sum() for z in both)
    expected = torch.autograd.grad(loss, list(net.parameters()))  # type: ignore[arg-type]
    for z in both:
        out, inputs, outputs = traced(net, z)
        slopes = torch.autograd.grad(out.square().sum(), outputs)
        assert not any(x.requires_grad for x in inputs)
        add_weight_gradients(net, inputs, slopes, 0.3)
    for parameter, gradient in zip(net.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
