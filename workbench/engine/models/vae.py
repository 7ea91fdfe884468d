"""Variational autoencoder (Kingma and Welling 2014): Gaussian posterior, N(0, I) prior, any likelihood.

    z = μ(x) + σ(x) ε,    loss = −log p(x|z) + β KL(q(z|x) || N(0, I)) + λ · L2(weights)

β < 1 and the L2 penalty make it the β-VAE of the uniform-square study.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.ensemble import Linear, mlp
from workbench.engine.evaluation.square import POINTS, is_raw_square, square_summary
from workbench.engine.likelihoods import make_likelihood
from workbench.engine.model import LatentModel, Metrics
from workbench.engine.optim import Optimiser, clip_gradients, make_optimiser
from workbench.engine.streams import Streams
from workbench.spec.models.vae import GaussianVAESettings, VAESettings
from workbench.spec.schema import TrainingSettings

if TYPE_CHECKING:
    from workbench.engine.data.dataset import DataSet
    from workbench.spec.schema import EvaluationSettings

LOG_VARIANCE = 10.0  # log σ² stays within ±10: an unbounded one overflows in its first bad step
LOG_2PI = math.log(2 * math.pi)


class VAE(LatentModel):
    """S variational autoencoders trained side by side."""

    def __init__(
        self, settings: GaussianVAESettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__()
        self.settings, self.training_settings, self.data = settings, training, data
        self.members, self.latent = len(streams.seeds), settings.latent
        activation, norm = settings.activation, settings.layer_norm
        widths = [data.dimensions, *settings.encoder, 2 * self.latent]
        self.encoder = mlp(widths, activation, streams, layer_norm=norm)
        widths_back = [self.latent, *settings.decoder, data.dimensions]
        self.decoder = mlp(widths_back, activation, streams, layer_norm=norm)
        self.likelihood = make_likelihood(
            settings.likelihood, streams, sigma=settings.sigma, learn=settings.learn_sigma
        )
        self.matrices = [layer.weight for layer in self.modules() if isinstance(layer, Linear)]
        self.optimisers = {"model": self._optimiser()}

    def _optimiser(self) -> Optimiser:
        if self.settings.l2_mode != "decoupled" or self.settings.l2 == 0:
            return make_optimiser(self.parameters(), self.training_settings)
        decayed = {id(weight) for weight in self.matrices}
        others = [p for p in self.parameters() if id(p) not in decayed]
        groups: list[dict[str, Any]] = [
            {"params": self.matrices, "weight_decay": self.settings.l2},
            {"params": others},
        ]
        return make_optimiser(groups, self.training_settings)

    # ---- training

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Maximise the bound on one minibatch; `draws` latents per example share one decoder call."""
        reconstruction, kl = (t.mean(1) for t in self.terms(batch.x, self.settings.draws, streams))
        loss = reconstruction + self.settings.beta * kl + self._penalty()
        self.zero_grad()
        loss.sum().backward()  # a sum over members: none sees another's gradient
        return self._update(loss, reconstruction, kl)

    def terms(self, x: Tensor, draws: int, streams: Streams) -> tuple[Tensor, Tensor]:
        """Return the two parts [S, B] of the NELBO, the first averaged over `draws` latents from q(z|x)."""
        mean, log_variance = self.posterior(x)
        return -self._log_px(x, mean, log_variance, draws, streams), gaussian_kl(mean, log_variance)

    def _penalty(self) -> Tensor | float:
        """Return what the loss [S] has beyond the bound: the pixels' scale's prior, and the L2 penalty."""
        penalty = self.likelihood.penalty() / self.data.train_size
        if self.settings.l2 and self.settings.l2_mode != "decoupled":
            penalty = penalty + self.settings.l2 * self._weight_square()
        return penalty

    def _update(self, loss: Tensor, reconstruction: Tensor, kl: Tensor) -> Metrics:
        """Take the step that the gradients call for, and return what is told of it."""
        settings = self.settings
        clip_gradients(self.parameters(), self.training_settings.clip)
        self.optimisers["model"].step()
        metrics = {"loss": loss, "nelbo": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}
        sigma = self.likelihood.scale()
        if sigma is not None and (settings.learn_sigma or settings.likelihood == "discretised-logistic"):
            metrics["sigma_x"] = sigma
        return {name: value.detach() for name, value in metrics.items()}

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance [S, B, d] of q(z|x)."""
        mean, log_variance = self.encoder(x).chunk(2, -1)
        return mean, log_variance.clamp(-LOG_VARIANCE, LOG_VARIANCE)

    def _log_px(self, x: Tensor, mean: Tensor, log_variance: Tensor, draws: int, streams: Streams) -> Tensor:
        """Return log p(x|z) [S, B], averaged over `draws` latents from q(z|x)."""
        members, count, latent = mean.shape
        noise = streams.normal("noise", draws, count, latent)
        z = mean[:, None] + torch.exp(0.5 * log_variance)[:, None] * noise
        out = self.decoder(z.view(members, draws * count, latent))
        repeated = x if draws == 1 else x.repeat(1, draws, 1)
        return self.likelihood.log_prob(repeated, out).view(members, draws, count).mean(1)

    def _weight_square(self) -> Tensor:
        """Return the sum [S] of squared weights (no biases), or their mean, as `l2_mode` says."""
        total = torch.stack([weight.square().sum((1, 2)) for weight in self.matrices]).sum(0)
        count = sum(weight[0].numel() for weight in self.matrices)
        return total / count if self.settings.l2_mode == "mean" else total

    # ---- evaluation

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return NELBO (β = 1, one draw), its two parts, and the MSE with the mean latent, [S, B]."""
        reconstruction, kl = self.terms(x, 1, streams)
        mse = (x - self.decode(self.encode(x, streams))).square().mean(-1)
        return {"nelbo": reconstruction + kl, "reconstruction": reconstruction, "kl": kl, "mse": mse}

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return the posterior mean [S, B, d]."""
        return self.posterior(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z) [S, B, D]."""
        return self.likelihood.mean(self.decoder(z))

    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return samples [S, count, D]: decoded means for pictures, draws from p(x|z) otherwise."""
        out = self.decoder(streams.normal("sample", count, self.latent))
        if len(self.data.shape) > 1:
            return self.likelihood.mean(out)
        return self.likelihood.draw(out, streams, "sample")

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) + log N(z; 0, I) [S, B], normalised."""
        prior = -0.5 * (z.square() + LOG_2PI).sum(-1)
        return self.likelihood.log_prob(x, self.decoder(z)) + prior

    def joint_draws(self, count: int, streams: Streams) -> tuple[Tensor, Tensor]:
        """Return exact draws x [S, count, D] and z [S, count, d] of p(x|z) N(z; 0, I)."""
        z = streams.normal("joint", count, self.latent)
        return self.likelihood.draw(self.decoder(z), streams, "joint"), z

    def proposal(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation [S, B, d] of q(z|x)."""
        mean, log_variance = self.posterior(x)
        return mean, torch.exp(0.5 * log_variance)

    def summary(self, data: DataSet, settings: EvaluationSettings, streams: Streams) -> dict[str, Any]:
        """Return, on the raw unit square, how Gaussian latents and how uniform their decodes are."""
        if not is_raw_square(data):
            return {}
        x = next(data.chunks("test", streams, POINTS, settings.images)).x
        mean, log_variance = self.posterior(x)
        z = mean + torch.exp(0.5 * log_variance) * streams.normal("posterior", *mean.shape[1:])
        prior = streams.normal("prior", *mean.shape[1:])
        return square_summary(z, self.decode(z), self.decode(prior))


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, σ²) || N(0, I)) [S, B] in nats, summed over the latent dimensions."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(-1)


def build(settings: VAESettings, training: TrainingSettings, data: DataInfo, streams: Streams) -> VAE:
    """Return the model with its initial weights drawn from the stream "init"."""
    return VAE(settings, training, data, streams)
