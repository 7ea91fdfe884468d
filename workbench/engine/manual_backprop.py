"""Gradients of stacked nets in the two halves that chains need apart: by input, and by weights.

A chain moves by the gradient of its state and needs those of the weights, half of a backward pass,
for the states it keeps only, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from workbench.engine.ensemble import LayerNorm, Linear

aten = torch.ops.aten
# (gradient of the output, input, output) → gradient of the input
BACKWARD: dict[type[nn.Module], Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    nn.ReLU: lambda grad, x, y: aten.threshold_backward(grad, x, 0),
    nn.ELU: lambda grad, x, y: aten.elu_backward(grad, 1.0, 1, 1, False, x),
    nn.SiLU: lambda grad, x, y: aten.silu_backward(grad, x),
    nn.Softplus: lambda grad, x, y: aten.softplus_backward(grad, x, 1, 20),
    nn.Tanh: lambda grad, x, y: aten.tanh_backward(grad, y),
    nn.LeakyReLU: lambda grad, x, y: aten.leaky_relu_backward(grad, x, 0.01, False),
}


@torch.no_grad()
def input_gradient(net: nn.Sequential, z: Tensor, slope: Callable[[Tensor], Tensor]) -> Tensor:
    """Return Jᵀ slope(net(z)), shaped like z [S, B, in], with J the net's Jacobian at each row.

    `slope` maps the output [S, B, out] to the gradient of whatever is differentiated there. The net
    is one that `ensemble.mlp` makes, without layer normalisation. For thousands of gradients of tiny
    nets: autograd would spend most of its time on book-keeping.
    """
    inputs = []
    for layer in net:
        inputs.append(z)
        z = layer(z)
    outputs = [*inputs[1:], z]
    gradient = slope(z)
    for layer, x, y in zip(reversed(net), reversed(inputs), reversed(outputs), strict=True):
        if isinstance(layer, Linear):
            gradient = torch.bmm(gradient, layer.weight.transpose(1, 2))
        else:
            gradient = BACKWARD[type(layer)](gradient, x, y)
    return gradient


def traced(net: nn.Sequential, z: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Return net(z), and the input and the output of every layer that has weights.

    Given ∂U/∂output of these layers, `add_weight_gradients` finds ∂U/∂weights later, if it is wanted.
    """
    inputs, outputs = [], []
    for layer in net:
        before, z = z, layer(z)
        if isinstance(layer, Linear | LayerNorm):
            inputs.append(before.detach())
            outputs.append(z)
    return z, inputs, outputs


@torch.no_grad()
def add_weight_gradients(
    net: nn.Sequential, inputs: Sequence[Tensor], slopes: Sequence[Tensor], scale: float
) -> None:
    """Add scale · ∂U/∂weights to the `grad` of the net's weights, from a trace and its ∂U/∂output."""
    layers = [layer for layer in net if isinstance(layer, Linear | LayerNorm)]
    for layer, x, slope in zip(layers, inputs, slopes, strict=True):
        if isinstance(layer, Linear):
            weight, beta = layer.weight, 1.0
            if weight.grad is None:
                weight.grad, beta = torch.empty_like(weight), 0.0
            weight.grad.baddbmm_(x.transpose(1, 2), slope, beta=beta, alpha=scale)  # in place: no copy
            add_gradient(layer.bias, slope.sum(1, keepdim=True), scale)
        else:
            normal = nn.functional.layer_norm(x, x.shape[-1:])
            add_gradient(layer.scale, (normal * slope).sum(1, keepdim=True), scale)
            add_gradient(layer.shift, slope.sum(1, keepdim=True), scale)


def add_gradient(parameter: nn.Parameter, gradient: Tensor, scale: float) -> None:
    """Add scale · gradient to parameter.grad."""
    if parameter.grad is None:
        parameter.grad = gradient * scale
    else:
        parameter.grad.add_(gradient, alpha=scale)
