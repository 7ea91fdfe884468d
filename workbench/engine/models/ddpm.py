"""Denoising diffusion (Ho, Jain and Abbeel 2020, Algorithms 1 and 2): learn the noise, remove it in steps.

x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε,    loss = ½‖ε − ε_θ(x_t, t)‖²,  t uniform
x_{t−1} = (x_t − β_t/√(1 − ᾱ_t) ε_θ(x_t, t)) / √α_t + σ_t ξ,  no ξ in the last step
"""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.engine.data.batch import DataInfo
from workbench.engine.models.denoising_model import DenoisingModel
from workbench.engine.samplers.langevin import noise_steps
from workbench.engine.streams import Streams
from workbench.spec.models.ddpm import DDPMSettings
from workbench.spec.schema import TrainingSettings


class DDPM(DenoisingModel):
    """S diffusion models trained side by side. Level t of the code is step t + 1 of the formulas."""

    settings: DDPMSettings

    def __init__(
        self, settings: DDPMSettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams, settings.steps)
        # multiplied up in float64: float32 would lose the last digits of ᾱ at many steps
        betas = torch.tensor(settings.betas(), dtype=torch.float64)
        kept = (1 - betas).cumprod(0)  # ᾱ; the settings have refused a schedule that ends above 1e-3
        before = torch.cat([torch.ones(1, dtype=torch.float64), kept[:-1]])
        spread = betas * (1 - before) / (1 - kept) if settings.variance == "posterior" else betas.clone()
        spread[0] = 0.0  # the last reverse step adds no noise
        self.signal = kept.sqrt().to(streams.device, streams.dtype)
        self.noise_scale = (1 - kept).sqrt().to(streams.device, streams.dtype)
        # host numbers of each reverse step: x ← scale · (x − weight · ε_θ) + std · ξ
        scale, weight, std = (1 - betas).rsqrt(), betas / (1 - kept).sqrt(), spread.sqrt()
        self.reverse = torch.stack([scale, weight, std], 1).tolist()

    def add_noise(self, x: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        """Return x_t [S, B, D] at levels [S, B]."""
        return self.signal[level].unsqueeze(-1) * x + self.noise_scale[level].unsqueeze(-1) * noise

    @torch.no_grad()
    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return samples [S, count, D]: T reverse steps from N(0, I); pictures are cut to [0, 1]."""
        x = streams.normal("sample", count, self.data.dimensions)
        noises = noise_steps(streams, "reverse", self.settings.steps, count, self.data.dimensions)
        for step, noise in zip(reversed(range(self.settings.steps)), noises, strict=True):
            scale, weight, std = self.reverse[step]
            x = scale * (x - weight * self.predict(x, step)) + std * noise
        return x if self.data.kind == "points" else x.clamp(0, 1)
