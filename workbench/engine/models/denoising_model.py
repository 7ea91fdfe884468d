"""Base of the models that learn the noise in noisy examples, at many noise levels: DDPM and DSM.

There are no latents of lower dimension. Samples come from averaged weights (`model.ema`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.model import LatentModel, Metrics
from workbench.engine.noise_net import NoiseNet
from workbench.engine.optim import make_optimiser
from workbench.engine.streams import Streams
from workbench.spec.models.ddpm import DDPMSettings
from workbench.spec.models.dsm import DSMSettings
from workbench.spec.schema import TrainingSettings


class DenoisingModel(LatentModel):
    """S nets ε_θ trained side by side on ½‖ε − ε_θ‖² at equally likely noise levels."""

    def __init__(
        self,
        settings: DDPMSettings | DSMSettings,
        training: TrainingSettings,
        data: DataInfo,
        streams: Streams,
        levels: int,
    ) -> None:
        super().__init__(settings, training, data, streams)
        self.level_count = levels
        self.net = NoiseNet(
            data.dimensions, levels, settings.features, settings.net, settings.activation, streams
        )
        self.optimisers = {"model": make_optimiser(self.net.parameters(), training)}

    def add_noise(self, x: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        """Return x [S, B, D] with the noise of its level [S, B] added."""
        raise NotImplementedError

    def noised(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor, Tensor]:
        """Return noisy x and its noise [S, B, D] at equally likely levels [S, B], one per example."""
        level = (streams.uniform("level", x.shape[1]) * self.level_count).long()
        level.clamp_(max=self.level_count - 1)  # a uniform just below 1 times the count may round up
        noise = streams.normal("noise", *x.shape[1:])
        return self.add_noise(x, noise, level), noise, level

    def predicted(self, x: Tensor, level: Tensor) -> Tensor:
        """Return the noise ε_θ [S, B, D] in x at levels [S, B]."""
        out: Tensor = self.net(x, level)
        return out

    def predict(self, x: Tensor, level: int) -> Tensor:
        """Return the noise ε_θ [S, B, D] in x, all at one level."""
        levels = torch.full(x.shape[:2], level, dtype=torch.int64, device=x.device)
        return self.predicted(x, levels)

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Do one update on one noisy version of every example."""
        metrics = self.errors(batch.x, streams)
        self.descend(metrics["loss"].mean(1))
        return {name: value.detach().mean(1) for name, value in metrics.items()}

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return the loss and the error per dimension [S, B], at one level each."""
        return self.errors(x, streams)

    def errors(self, x: Tensor, streams: Streams) -> Metrics:
        """Return ½‖ε − ε_θ‖² and the mean squared error per dimension [S, B], at a random level each."""
        noisy, noise, level = self.noised(x, streams)
        square = (noise - self.predicted(noisy, level)).square().sum(-1)
        return {"loss": 0.5 * square, "noise_mse": square / math.prod(noise.shape[2:])}
