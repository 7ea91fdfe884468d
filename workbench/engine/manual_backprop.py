"""Gradients of stacked nets in the two halves that chains need apart: by input, and by weights.

A chain moves by the gradient of its state and needs those of the weights, half of a backward pass,
for the states it keeps only, or not at all. Nets of `ensemble.mlp` are differentiated layer by layer; any
other net is one layer, and autograd differentiates it.
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
def input_gradient(net: nn.Module, z: Tensor, slope: Callable[[Tensor], Tensor]) -> Tensor:
    """Return Jᵀ slope(net(z)), shaped like z [S, B, in], with J the net's Jacobian at each row.

    `slope` maps the output [S, B, out] to the gradient of whatever is differentiated there. The net
    has no layer normalisation. For thousands of gradients of tiny dense nets: autograd would spend most of
    its time on book-keeping.
    """
    if not isinstance(net, nn.Sequential):
        with torch.enable_grad():
            leaf = z.detach().requires_grad_()
            out = net(leaf)
            return torch.autograd.grad(out, leaf, slope(out.detach()))[0]
    inputs = []
    for layer in net:
        inputs.append(z)
        z = layer(z)
    outputs = [*inputs[1:], z]
    gradient = slope(z)
    for layer, x, y in zip(reversed(net), reversed(inputs), reversed(outputs), strict=True):
        if isinstance(layer, Linear):
            gradient = torch.bmm(gradient, layer.weight.transpose(1, 2)).to(x.dtype)
        else:
            gradient = BACKWARD[type(layer)](gradient, x, y)
    return gradient


def layers_of(net: nn.Module) -> list[nn.Module]:
    """Return the layers of a net that `ensemble.mlp` makes; any other net is one layer."""
    return list(net) if isinstance(net, nn.Sequential) else [net]


def traced(net: nn.Module, z: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Return net(z), and the input and the output of every layer that has weights.

    Given ∂U/∂output of these layers, `add_weight_gradients` finds ∂U/∂weights later, if it is wanted.
    """
    inputs, outputs = [], []
    for layer in layers_of(net):
        before, z = z, layer(z)
        if _has_weights(layer):
            inputs.append(before.detach())
            outputs.append(z)
    return z, inputs, outputs


@torch.no_grad()
def add_weight_gradients(
    net: nn.Module, inputs: Sequence[Tensor], slopes: Sequence[Tensor], scale: float
) -> None:
    """Add scale · ∂U/∂weights to the `grad` of the net's weights, from a trace and its ∂U/∂output."""
    layers = filter(_has_weights, layers_of(net))
    for layer, x, slope in zip(layers, inputs, slopes, strict=True):
        if isinstance(layer, Linear):
            weight, beta = layer.weight, 1.0
            if weight.grad is None:
                weight.grad, beta = torch.empty_like(weight), 0.0
            weight.grad.baddbmm_(x.transpose(1, 2), slope, beta=beta, alpha=scale)  # in place: no copy
            add_gradient(layer.bias, slope.sum(1, keepdim=True), scale)
        elif isinstance(layer, LayerNorm):
            normal = nn.functional.layer_norm(x, x.shape[-1:])
            add_gradient(layer.scale, (normal * slope).sum(1, keepdim=True), scale)
            add_gradient(layer.shift, slope.sum(1, keepdim=True), scale)
        else:  # a second forward pass, for the states that are kept
            own = list(layer.parameters())
            with torch.enable_grad():
                gradients = torch.autograd.grad(layer(x), own, slope)
            for parameter, gradient in zip(own, gradients, strict=True):
                add_gradient(parameter, gradient, scale)


def _has_weights(layer: nn.Module) -> bool:
    return next(layer.parameters(), None) is not None


def add_gradient(parameter: nn.Parameter, gradient: Tensor, scale: float) -> None:
    """Add scale · gradient to parameter.grad."""
    if parameter.grad is None:
        parameter.grad = gradient * scale
    else:
        parameter.grad.add_(gradient, alpha=scale)
