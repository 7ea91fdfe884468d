"""Gradients of stacked nets with respect to their input, for chains that need nothing else.

A short-run chain asks for thousands of gradients of tiny nets, where autograd spends most of its
time on book-keeping. Here a pass keeps only what the input's gradient needs, and no weight's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from workbench.engine.ensemble import Linear

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
    is one that `ensemble.mlp` makes, without layer normalisation.
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
