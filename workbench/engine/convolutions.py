"""Stacked layers of maps: S independent networks, inputs [S, B, channels, height, width].

Members are computed one by one: on a CPU a grouped convolution of three members takes 1.5 times as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from workbench.engine.ensemble import ACTIVATIONS
from workbench.engine.streams import Streams

Size = tuple[int, int]
LAST = torch.channels_last


class Conv2d(nn.Module):
    """S convolutions, initialised as torch.nn.Conv2d does, from the stream "init"."""

    def __init__(
        self, inputs: int, outputs: int, size: int, streams: Streams, *, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(inputs * size * size)
        self.weight = nn.Parameter((streams.uniform("init", outputs, inputs, size, size) * 2 - 1) * bound)
        self.bias = nn.Parameter((streams.uniform("init", outputs) * 2 - 1) * bound)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """Map x [S, B, in, H, W] to [S, B, out, H', W'], as torch.nn.Conv2d does."""
        return _each(nn.functional.conv2d, self, x)


class ConvTranspose2d(nn.Module):
    """S transposed convolutions, Xavier-normal weights, torch's own biases, from the stream "init"."""

    def __init__(
        self, inputs: int, outputs: int, size: Size, streams: Streams, *, stride: int, padding: int
    ) -> None:
        super().__init__()
        area = size[0] * size[1]
        spread = math.sqrt(2 / (area * (inputs + outputs)))
        self.weight = nn.Parameter(streams.normal("init", inputs, outputs, *size) * spread)
        bound = 1 / math.sqrt(area * outputs)
        self.bias = nn.Parameter((streams.uniform("init", outputs) * 2 - 1) * bound)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """Map x [S, B, in, H, W] to [S, B, out, H', W'], as torch.nn.ConvTranspose2d does."""
        return _each(nn.functional.conv_transpose2d, self, x)


def _each(function: Callable[..., Tensor], layer: Any, x: Tensor) -> Tensor:
    """Return `function` of each member's maps, weight and bias."""
    options = {"stride": layer.stride, "padding": layer.padding}
    # channels last: kernels for few channels, as those of pixels are, take half the time then
    outputs = [
        function(maps.contiguous(memory_format=LAST), weight.contiguous(memory_format=LAST), bias, **options)
        for maps, weight, bias in zip(x, layer.weight, layer.bias, strict=True)
    ]
    maps = torch.stack(outputs) if len(outputs) > 1 else outputs[0][None]  # a stack of one is a copy
    return maps.to(layer.bias.dtype)  # as `ensemble.product`


class MapNorm(nn.Module):
    """S normalisations of each example's maps over channels and pixels, with scale and shift by channel.

    Examples do not mix, so that a chain over one of them does not depend on the others of its batch.
    """

    def __init__(self, channels: int, streams: Streams) -> None:
        super().__init__()
        ones = torch.ones(len(streams.seeds), 1, channels, 1, 1, device=streams.device, dtype=streams.dtype)
        self.scale = nn.Parameter(ones)
        self.shift = nn.Parameter(torch.zeros_like(ones))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [S, B, channels, H, W], then scale and shift."""
        normal = nn.functional.layer_norm(x, x.shape[-3:])
        return torch.addcmul(self.shift, normal, self.scale)


class Residual(nn.Module):
    """h + conv(act(conv(act(h)))), both 3 × 3: the identity at the start, as the last one is zero."""

    def __init__(self, channels: int, activation: str, streams: Streams) -> None:
        super().__init__()
        self.first, self.last = (Conv2d(channels, channels, 3, streams, padding=1) for _ in range(2))
        self.activation = ACTIVATIONS[activation]()
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, h: Tensor) -> Tensor:
        """Map h [S, B, channels, H, W] to the same shape."""
        return h + self.last(self.activation(self.first(self.activation(h))))
