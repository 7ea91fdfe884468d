"""Named random streams: one generator per (seed, purpose), so no member depends on its neighbours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# torch fills normals in blocks of 16 and treats a shorter tail differently, so a draw's first
# numbers would depend on its length; whole blocks keep every draw a prefix of the same stream.
BLOCK = 16


def stream_seed(seed: int, purpose: str) -> int:
    """Return the 63-bit generator seed of one (seed, purpose)."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Streams:
    """The random numbers of S members. Draws come stacked: [S, *shape]."""

    def __init__(
        self, seeds: Sequence[int], device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        self.seeds = tuple(seeds)
        self.device = torch.device(device)
        self.dtype = dtype
        self._generators: dict[str, list[torch.Generator]] = {}

    def generators(self, purpose: str) -> list[torch.Generator]:
        """Return the generators of one purpose, one per member, made at first use."""
        if purpose not in self._generators:
            made = [torch.Generator(device=self.device) for _ in self.seeds]
            for generator, seed in zip(made, self.seeds, strict=True):
                generator.manual_seed(stream_seed(seed, purpose))
            self._generators[purpose] = made
        return self._generators[purpose]

    def _draw(
        self, fill: Callable[[Tensor, torch.Generator], Tensor], purpose: str, shape: tuple[int, ...]
    ) -> Tensor:
        count = 1
        for size in shape:
            count *= size
        padded = -(-count // BLOCK) * BLOCK
        flat = torch.empty(len(self.seeds), padded, device=self.device, dtype=self.dtype)
        for row, generator in zip(flat, self.generators(purpose), strict=True):
            fill(row, generator)
        return flat[:, :count].reshape(len(self.seeds), *shape)

    def normal(self, purpose: str, *shape: int) -> Tensor:
        """Return standard normals [S, *shape]."""
        return self._draw(lambda row, generator: row.normal_(generator=generator), purpose, shape)

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        """Return uniforms on [0, 1) [S, *shape]."""
        return self._draw(lambda row, generator: row.uniform_(generator=generator), purpose, shape)

    def permutation(self, purpose: str, count: int) -> Tensor:
        """Return one random order of 0..count-1 per member, [S, count] int64."""
        return torch.stack(
            [
                torch.randperm(count, generator=generator, device=self.device)
                for generator in self.generators(purpose)
            ]
        )

    def fork(self, name: str) -> Streams:
        """Return fresh streams set by the seeds and `name` alone: evaluation never disturbs training."""
        return Streams([stream_seed(seed, name) for seed in self.seeds], self.device, self.dtype)

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Return the state of every stream used so far."""
        return {purpose: [g.get_state() for g in made] for purpose, made in self._generators.items()}

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        """Continue every stream where `state_dict` left it."""
        for purpose, states in state.items():
            for generator, saved in zip(self.generators(purpose), states, strict=True):
                generator.set_state(saved.cpu())
