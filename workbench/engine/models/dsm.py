"""Denoising score matching (Song and Ermon 2019, eqs. 5 and 6): scores at many noise levels.

    x̃ = x + σ ε,   s(x̃, σ) = −ε_θ(x̃, σ)/σ,   loss = ½ σ² ‖s(x̃, σ) + (x̃ − x)/σ²‖² = ½‖ε − ε_θ‖²

The weight σ² makes all levels count alike, and the net's task becomes that of naming the noise.
Samples come from annealed Langevin chains (Algorithm 1 there).
"""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.engine.data.batch import DataInfo
from workbench.engine.models.denoising_model import DenoisingModel
from workbench.engine.samplers.langevin import last, noise_steps, ula
from workbench.engine.streams import Streams
from workbench.spec.models.dsm import DSMSettings
from workbench.spec.schema import TrainingSettings


class DSM(DenoisingModel):
    """S score models trained side by side."""

    settings: DSMSettings

    def __init__(
        self, settings: DSMSettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams, settings.levels)
        self.levels = settings.sigmas()  # host numbers for the sampler
        self.sigmas = torch.tensor(self.levels, dtype=torch.float64).to(streams.device, streams.dtype)

    def add_noise(self, x: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        """Return x + σ ε [S, B, D] at levels [S, B]."""
        return x + self.sigmas[level].unsqueeze(-1) * noise

    def predicted(self, x: Tensor, level: Tensor) -> Tensor:
        """Return ε_θ [S, B, D] at levels [S, B]. The net sees x at unit scale, whatever σ is."""
        size = (1 + self.sigmas[level].square()).sqrt().unsqueeze(-1)
        return super().predicted(x / size, level)

    def score(self, x: Tensor, level: int) -> Tensor:
        """Return ∇ log p_σ(x) [S, B, D] at noise level `level`."""
        return self.predict(x, level) / -self.levels[level]

    @torch.no_grad()
    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return samples [S, count, D] of annealed Langevin chains; pictures are cut to [0, 1].

        They start from noise of the largest σ. α = ε σ²/σ_min² is twice the sampler's η; the chain of one
        level starts where that of the level before ended.
        """
        settings, dimensions = self.settings, self.data.dimensions
        x = streams.normal("sample", count, dimensions) * self.levels[0]
        for level, sigma in enumerate(self.levels):
            eta = settings.chain_step * (sigma / settings.sigma_min) ** 2 / 2
            noises = noise_steps(streams, "chain", settings.chain_steps, count, dimensions)
            x = last(ula(lambda x, level=level: -self.score(x, level), x, eta, noises))  # type: ignore[misc]
        if settings.denoise:  # Tweedie: the mean of x given its noisy version
            x = x + self.levels[-1] ** 2 * self.score(x, len(self.levels) - 1)
        return x if self.data.kind == "points" else x.clamp(0, 1)
