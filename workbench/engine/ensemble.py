"""Stacked layers: S independent networks computed as one, weights [S, in, out], inputs [S, B, in]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from workbench.engine.streams import Streams

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "leaky-relu": nn.LeakyReLU,
}


class Linear(nn.Module):
    """S linear maps, initialised as torch.nn.Linear does (uniform within 1/√in), from the stream "init"."""

    def __init__(self, inputs: int, outputs: int, streams: Streams) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(inputs)
        self.weight = nn.Parameter((streams.uniform("init", inputs, outputs) * 2 - 1) * bound)
        self.bias = nn.Parameter((streams.uniform("init", 1, outputs) * 2 - 1) * bound)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [S, B, in] to [S, B, out]."""
        return product(self.bias, x, self.weight)


def product(bias: Tensor, x: Tensor, weight: Tensor, *, alpha: float = 1) -> Tensor:
    """Return bias + alpha · x weight of stacked matrices, in the precision of the bias.

    Autocast rounds the factors; what is summed later, of all pixels perhaps, is not to be rounded too.
    """
    return torch.baddbmm(bias, x, weight, alpha=alpha).to(bias.dtype)


class LayerNorm(nn.Module):
    """S layer normalisations over the last axis of [S, B, width], each with its own scale and shift."""

    def __init__(self, width: int, streams: Streams) -> None:
        super().__init__()
        members = len(streams.seeds)
        ones = torch.ones(members, 1, width, device=streams.device, dtype=streams.dtype)
        self.scale = nn.Parameter(ones)
        self.shift = nn.Parameter(torch.zeros_like(ones))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each row of x, then scale and shift."""
        normal = nn.functional.layer_norm(x, x.shape[-1:])
        return torch.addcmul(self.shift, normal, self.scale)


def mlp(
    sizes: Sequence[int],
    activation: str,
    streams: Streams,
    *,
    layer_norm: bool = False,
    last_activation: bool = False,
) -> nn.Sequential:
    """Return a stacked multilayer perceptron with layers sizes[0] → … → sizes[-1]."""
    layers: list[nn.Module] = []
    for position, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers.append(Linear(inputs, outputs, streams))
        if position < len(sizes) - 2 or last_activation:
            if layer_norm:
                layers.append(LayerNorm(outputs, streams))
            layers.append(ACTIVATIONS[activation]())
    return nn.Sequential(*layers)


def orthogonal(streams: Streams, inputs: int, outputs: int) -> Tensor:
    """Return S random matrices [S, inputs, outputs] with orthonormal rows or columns, whichever are fewer."""
    tall, short = max(inputs, outputs), min(inputs, outputs)
    q, r = torch.linalg.qr(streams.normal("init", tall, short))
    # the sign of R's diagonal makes the law uniform over orthogonal matrices
    q = q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(1)
    return (q if inputs >= outputs else q.transpose(1, 2)).contiguous()
