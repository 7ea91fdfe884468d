"""Denoising diffusion (Ho, Jain and Abbeel 2020): learn the noise in x_t, then take it out step by step.

    x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε,    loss = ½‖ε − ε_θ(x_t, t)‖²,  t uniform
    x_{t−1} = (x_t − β_t/√(1 − ᾱ_t) ε_θ(x_t, t)) / √α_t + σ_t ξ,  no ξ in the last step

There are no latents of lower dimension: `latent` is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.model import LatentModel, Metrics
from workbench.engine.noise_net import Average, NoiseNet, noise_loss, uniform_levels
from workbench.engine.optim import clip_gradients, make_optimiser
from workbench.engine.samplers.langevin import noise_steps
from workbench.engine.streams import Streams
from workbench.spec.models.ddpm import DDPMSettings
from workbench.spec.schema import TrainingSettings


class DDPM(LatentModel):
    """S diffusion models trained side by side. Level t of the code is step t + 1 of the formulas."""

    latent = 0
    normalised = False
    stochastic_encoder = False

    def __init__(
        self, settings: DDPMSettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__()
        self.settings, self.training_settings, self.data = settings, training, data
        self.members = len(streams.seeds)
        # multiplied up in float64: float32 would lose the last digits of ᾱ at many steps
        betas = torch.tensor(settings.betas(), dtype=torch.float64)
        kept = (1 - betas).cumprod(0)  # ᾱ; the settings have refused a schedule that ends above 1e-3
        before = torch.cat([torch.ones(1, dtype=torch.float64), kept[:-1]])
        spread = betas * (1 - before) / (1 - kept) if settings.variance == "posterior" else betas.clone()
        spread[0] = 0.0  # the last reverse step adds no noise
        self.signal, self.noise_scale = (
            self._levels(kept.sqrt(), streams),
            self._levels((1 - kept).sqrt(), streams),
        )
        # host numbers of each reverse step: x ← scale · (x − weight · ε_θ) + std · ξ
        self.reverse = list(
            zip(
                (1 - betas).rsqrt().tolist(),
                (betas / (1 - kept).sqrt()).tolist(),
                spread.sqrt().tolist(),
                strict=True,
            )
        )
        self.net = NoiseNet(
            data.dimensions, settings.steps, settings.features, settings.net, settings.activation, streams
        )
        self.average = Average(self.net, settings.ema)
        self.optimisers = {"model": make_optimiser(self.net.parameters(), training)}

    @staticmethod
    def _levels(values: Tensor, streams: Streams) -> Tensor:
        return values.to(streams.device, streams.dtype)

    # ---- training

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Do one update on one noisy version of every example, then move the averaged weights."""
        noisy, noise, level = self.noised(batch.x, streams)
        metrics = noise_loss(self.net(noisy, level), noise)
        self.zero_grad()
        metrics["loss"].mean(1).sum().backward()  # a sum over members: none sees another's gradient
        clip_gradients(self.net.parameters(), self.training_settings.clip)
        self.optimisers["model"].step()
        self.average.update(self.net)
        return {name: value.detach().mean(1) for name, value in metrics.items()}

    def noised(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor, Tensor]:
        """Return x_t and its noise [S, B, D] at random levels [S, B], one for each example."""
        level = uniform_levels(streams, "level", x.shape[1], self.settings.steps)
        noise = streams.normal("noise", *x.shape[1:])
        noisy = self.signal[level].unsqueeze(-1) * x + self.noise_scale[level].unsqueeze(-1) * noise
        return noisy, noise, level

    # ---- evaluation

    def predict(self, x: Tensor, level: Tensor) -> Tensor:
        """Return the noise ε_θ [S, B, D] in x at `level` [S, B], by the averaged weights."""
        predicted: Tensor = self.average.net(x, level)
        return predicted

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return the loss and the error per dimension [S, B] of the averaged weights, at one level each."""
        noisy, noise, level = self.noised(x, streams)
        return noise_loss(self.predict(noisy, level), noise)

    @torch.no_grad()
    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return samples [S, count, D]: T reverse steps from N(0, I); pictures are cut to [0, 1]."""
        x = streams.normal("sample", count, self.data.dimensions)
        noises = noise_steps(streams, "reverse", self.settings.steps, count, self.data.dimensions)
        for step, noise in zip(reversed(range(self.settings.steps)), noises, strict=True):
            scale, weight, std = self.reverse[step]
            level = torch.full(x.shape[:2], step, dtype=torch.int64, device=x.device)
            x = scale * (x - weight * self.predict(x, level)) + std * noise
        return x if self.data.kind == "points" else x.clamp(0, 1)


def build(settings: DDPMSettings, training: TrainingSettings, data: DataInfo, streams: Streams) -> DDPM:
    """Return the model with its initial weights drawn from the stream "init"."""
    return DDPM(settings, training, data, streams)
