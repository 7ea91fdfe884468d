"""Probabilistic PCA (Tipping and Bishop 1999): z ~ N(0, I), x = zW + b + N(0, σ² I), log p(x) exact.

log p(x) = log N(x; b, WᵀW + σ² I),    z | x ~ N(M⁻¹ W (x − b), σ² M⁻¹),    M = W Wᵀ + σ² I
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from workbench_ppca.settings import PPCASettings

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.ensemble import Linear
from workbench.engine.model import LatentModel, Metrics
from workbench.engine.optim import make_optimiser
from workbench.engine.streams import Streams
from workbench.spec.schema import TrainingSettings

LOG_2PI = math.log(2 * math.pi)


class PPCA(LatentModel):
    """S probabilistic PCAs trained side by side."""

    def __init__(
        self, settings: PPCASettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams)
        self.dimensions = data.dimensions
        self.decoder = Linear(self.latent, self.dimensions, streams)  # weight [S, d, D]
        shape = self.members, 1
        self.log_sigma = nn.Parameter(torch.zeros(shape, dtype=streams.dtype, device=streams.device))
        self.optimisers = {"model": make_optimiser(self.parameters(), training)}

    def _solve(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return W(x − b) [S, B, d], its product with M⁻¹, and the Cholesky factor of M [S, d, d]."""
        w = self.decoder.weight
        unit = torch.eye(self.latent, dtype=w.dtype, device=w.device)
        noise = torch.exp(2 * self.log_sigma).unsqueeze(-1) * unit
        # cholesky_ex: the plain one reads its error flag, and so waits for a GPU
        factor = torch.linalg.cholesky_ex(w @ w.transpose(1, 2) + noise).L
        projected = (x - self.decoder.bias) @ w.transpose(1, 2)
        return projected, torch.cholesky_solve(projected.transpose(1, 2), factor).transpose(1, 2), factor

    def log_px(self, x: Tensor) -> Tensor:
        """Return the exact log p(x) [S, B]."""
        projected, mean, factor = self._solve(x)
        residual = (x - self.decoder.bias).square().sum(-1) - (projected * mean).sum(-1)
        log_det = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1, keepdim=True)
        log_det = log_det + 2 * (self.dimensions - self.latent) * self.log_sigma
        return -0.5 * (residual * torch.exp(-2 * self.log_sigma) + log_det + self.dimensions * LOG_2PI)

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Climb the log-likelihood of one minibatch."""
        loss = -self.log_px(batch.x).mean(1)
        self.descend(loss)
        return {"loss": loss.detach(), "sigma_x": self.log_sigma.detach().exp().squeeze(1)}

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return −log p(x), which is its own tightest bound, and the error of the mean latent, [S, B]."""
        mse = (x - self.decode(self.encode(x, streams))).square().mean(-1)
        return {"nelbo": -self.log_px(x), "mse": mse}

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return the posterior mean [S, B, d]."""
        return self._solve(x)[1]

    def decode(self, z: Tensor) -> Tensor:
        """Return zW + b [S, B, D]."""
        out: Tensor = self.decoder(z)
        return out

    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return draws [S, count, D] from the model."""
        noise = streams.normal("noise of x", count, self.dimensions)
        mean = self.decode(streams.normal("sample", count, self.latent))
        return mean + torch.exp(self.log_sigma).unsqueeze(-1) * noise

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x, z) [S, B]."""
        misfit = (x - self.decode(z)).square().sum(-1) * torch.exp(-2 * self.log_sigma)
        constant = (self.dimensions + self.latent) * LOG_2PI + 2 * self.dimensions * self.log_sigma
        return -0.5 * (misfit + z.square().sum(-1) + constant)

    def proposal(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation [S, B, d] of p(z|x)."""
        _, mean, factor = self._solve(x)
        variance = torch.cholesky_inverse(factor).diagonal(dim1=1, dim2=2)
        return mean, (torch.exp(self.log_sigma) * variance.sqrt()).unsqueeze(1).expand_as(mean)
