"""What the diffusion families share: a net that knows the noise level, and an average of its weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from workbench.engine.ensemble import mlp
from workbench.engine.streams import Streams

SPAN = 100.0  # radians of the fastest feature over all levels; the slowest turns by one


class NoiseNet(nn.Module):
    """S nets that predict the noise in x from x and the number of its noise level."""

    def __init__(
        self,
        dimensions: int,
        levels: int,
        features: int,
        hidden: list[int],
        activation: str,
        streams: Streams,
    ) -> None:
        super().__init__()
        pairs = max(1, features // 2)
        self.net = mlp([dimensions + 2 * pairs, *hidden, dimensions], activation, streams)
        place = torch.arange(1, levels + 1, dtype=torch.float64) / levels
        speed = SPAN ** (torch.arange(pairs, dtype=torch.float64) / max(1, pairs - 1))
        angle = place[:, None] * speed
        table = torch.cat([angle.sin(), angle.cos()], 1).to(streams.device, streams.dtype)
        self.register_buffer("table", table, persistent=False)  # [levels, features]: a constant
        self.table: Tensor

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """Map x [S, B, D] at levels [S, B] (int64, from 0) to [S, B, D]."""
        known = self.table.index_select(0, level.reshape(-1)).view(*level.shape, -1)
        return self.net(torch.cat([x, known], -1))


class Average(nn.Module):
    """An exponential moving average of a net's weights, kept in buffers; `net` computes with it.

    The decay after t updates is min(decay, t / (10 + t)), so that the first weights are soon forgotten
    and the samples of a young model are its own.
    """

    def __init__(self, net: NoiseNet, decay: float) -> None:
        super().__init__()
        self.net, self.decay = copy.deepcopy(net), decay
        for module in self.net.modules():
            for name, weight in list(module._parameters.items()):
                del module._parameters[name]
                module.register_buffer(name, None if weight is None else weight.detach().clone())
        members = len(next(net.parameters()))
        device = next(net.parameters()).device
        self.register_buffer("updates", torch.zeros(members, dtype=torch.float64, device=device))
        self.updates: Tensor

    @torch.no_grad()
    def update(self, net: NoiseNet) -> None:
        """Move every averaged weight towards that of `net`."""
        share = 1.0 - (self.updates / (10.0 + self.updates)).clamp(max=self.decay)
        averages = dict(self.net.named_buffers())
        for name, weight in net.named_parameters():
            averages[name].lerp_(weight, share.to(weight.dtype).view(-1, *[1] * (weight.dim() - 1)))
        self.updates += 1.0
