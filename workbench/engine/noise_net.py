"""The net of the diffusion families: it knows the noise level."""

from __future__ import annotations

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
