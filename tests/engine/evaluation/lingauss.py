"""A linear-Gaussian model whose log p(x) and posterior are known exactly: the ruler for estimators."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workbench.engine.data.batch import DataInfo
from workbench.engine.model import LatentModel
from workbench.engine.streams import Streams
from workbench.spec.models import ModelSettings
from workbench.spec.schema import TrainingSettings


class LinearGaussian(LatentModel):
    """p(z) = N(0, I), p(x|z) = N(A z + b, σ² I): log p(x) = log N(x; b, A Aᵀ + σ² I)."""

    def __init__(self, members: int = 2, dimensions: int = 3, latent: int = 2, sigma: float = 0.5) -> None:
        streams = Streams(range(members), dtype=torch.float64)
        data = DataInfo("truth", (dimensions,), "points", 600, 300, 0)
        super().__init__(ModelSettings(kind="truth"), TrainingSettings(epochs=1), data, streams)
        self.latent, self.sigma = latent, sigma
        self.matrix = streams.normal("matrix", dimensions, latent)
        self.shift = streams.normal("shift", 1, dimensions)

    def decode(self, z: Tensor) -> Tensor:
        return z @ self.matrix.transpose(1, 2) + self.shift

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        normal = torch.distributions.Normal(0.0, 1.0)
        noise = (x - self.decode(z)) / self.sigma
        return normal.log_prob(z).sum(-1) + (normal.log_prob(noise) - math.log(self.sigma)).sum(-1)

    def log_px(self, x: Tensor) -> Tensor:
        eye = torch.eye(x.shape[-1], dtype=x.dtype)
        covariance = self.matrix @ self.matrix.transpose(1, 2) + self.sigma**2 * eye
        return torch.distributions.MultivariateNormal(self.shift, covariance[:, None]).log_prob(x)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the exact mean [S, B, d] and the lower factor [S, B, d, d] of the covariance."""
        precision = self.matrix.transpose(1, 2) @ self.matrix / self.sigma**2 + torch.eye(
            self.latent, dtype=x.dtype
        )
        covariance = precision.inverse()
        mean = (x - self.shift) @ self.matrix @ covariance / self.sigma**2
        factor = torch.linalg.cholesky(covariance)
        return mean, factor[:, None].expand(-1, x.shape[1], -1, -1)

    def draw(self, count: int, streams: Streams) -> Tensor:
        """Return x [S, count, D] from the model itself."""
        x = self.decode(streams.normal("z", count, self.latent))
        return x + self.sigma * streams.normal("x", count, x.shape[-1])

    # what the contract asks of a model, so that a whole summary can be made of it
    def evaluate(self, x: Tensor, streams: Streams) -> dict[str, Tensor]:
        mean, factor = self.posterior(x)
        z = mean + (factor @ streams.normal("noise", x.shape[1], self.latent).unsqueeze(-1)).squeeze(-1)
        log_q = torch.distributions.MultivariateNormal(mean, scale_tril=factor).log_prob(z)
        return {"nelbo": log_q - self.log_joint(x, z)}

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        return self.posterior(x)[0]

    def sample(self, count: int, streams: Streams) -> Tensor:
        return self.draw(count, streams)

    def proposal(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor]:
        mean, factor = self.posterior(x)
        return mean, 1.2 * factor.diagonal(dim1=-2, dim2=-1)
