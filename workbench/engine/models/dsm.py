"""Denoising score matching (Song and Ermon 2019): scores at many noise levels, annealed Langevin samples.

    x̃ = x + σ ε,   s(x̃, σ) = −ε_θ(x̃, σ)/σ,   loss = ½ σ² ‖s(x̃, σ) + (x̃ − x)/σ²‖² = ½‖ε − ε_θ‖²

The weight σ² makes all levels count alike, and the net's task becomes that of naming the noise.
There are no latents of lower dimension: `latent` is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.model import LatentModel, Metrics
from workbench.engine.noise_net import Average, NoiseNet, noise_loss, uniform_levels
from workbench.engine.optim import clip_gradients, make_optimiser
from workbench.engine.samplers.langevin import last, noise_steps, ula
from workbench.engine.streams import Streams
from workbench.spec.models.dsm import DSMSettings
from workbench.spec.schema import TrainingSettings


class DSM(LatentModel):
    """S score models trained side by side."""

    latent = 0
    normalised = False
    stochastic_encoder = False

    def __init__(
        self, settings: DSMSettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__()
        self.settings, self.training_settings, self.data = settings, training, data
        self.members = len(streams.seeds)
        self.levels = settings.sigmas()  # host numbers for the sampler
        self.sigmas = torch.tensor(self.levels, dtype=torch.float64).to(streams.device, streams.dtype)
        self.net = NoiseNet(
            data.dimensions, settings.levels, settings.features, settings.net, settings.activation, streams
        )
        self.average = Average(self.net, settings.ema)
        self.optimisers = {"model": make_optimiser(self.net.parameters(), training)}

    # ---- training

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Do one update on one noisy version of every example, then move the averaged weights."""
        noisy, noise, level = self.noised(batch.x, streams)
        metrics = noise_loss(self._predicted(self.net, noisy, level), noise)
        self.zero_grad()
        metrics["loss"].mean(1).sum().backward()  # a sum over members: none sees another's gradient
        clip_gradients(self.net.parameters(), self.training_settings.clip)
        self.optimisers["model"].step()
        self.average.update(self.net)
        return {name: value.detach().mean(1) for name, value in metrics.items()}

    def noised(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor, Tensor]:
        """Return x + σ ε and ε [S, B, D] at random levels [S, B], one for each example."""
        level = uniform_levels(streams, "level", x.shape[1], self.settings.levels)
        noise = streams.normal("noise", *x.shape[1:])
        return x + self.sigmas[level].unsqueeze(-1) * noise, noise, level

    def _predicted(self, net: NoiseNet, x: Tensor, level: Tensor) -> Tensor:
        """Return ε_θ [S, B, D]. The net sees x at unit scale, whatever σ is."""
        size = (1 + self.sigmas[level].square()).sqrt().unsqueeze(-1)
        predicted: Tensor = net(x / size, level)
        return predicted

    # ---- evaluation

    def score(self, x: Tensor, level: int) -> Tensor:
        """Return ∇ log p_σ(x) [S, B, D] at noise level `level`, by the averaged weights."""
        levels = torch.full(x.shape[:2], level, dtype=torch.int64, device=x.device)
        return self._predicted(self.average.net, x, levels) / -self.levels[level]

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return the loss and the error per dimension [S, B] of the averaged weights, at one level each."""
        noisy, noise, level = self.noised(x, streams)
        return noise_loss(self._predicted(self.average.net, noisy, level), noise)

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


def build(settings: DSMSettings, training: TrainingSettings, data: DataInfo, streams: Streams) -> DSM:
    """Return the model with its initial weights drawn from the stream "init"."""
    return DSM(settings, training, data, streams)
