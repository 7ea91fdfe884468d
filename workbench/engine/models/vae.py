"""Variational autoencoder (Kingma and Welling 2014, §3 and appendix B): Gaussian posterior, N(0, I) prior.

    z = μ(x) + σ(x) ε,    loss = −log p(x|z) + β KL(q(z|x) || N(0, I)) + λ · L2(weights)

β < 1 and the L2 penalty make it the β-VAE of the uniform-square study. Other objectives:

    iwae:  −log (1/k) Σᵢ wᵢ,  wᵢ = p(x, zᵢ)/q(zᵢ|x)         (Burda, Grosse and Salakhutdinov 2016)
    dreg:  the same, with Σᵢ ωᵢ² ∂log wᵢ/∂zᵢ ∂zᵢ/∂φ for the encoder, ω = w/Σw         (Tucker et al. 2019)
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.dataset import DataSet
from workbench.engine.evaluation.square import POINTS, is_raw_square, square_summary
from workbench.engine.gaussians import LOG_2PI, gaussian_kl, gaussian_kls
from workbench.engine.likelihoods import make_likelihood
from workbench.engine.model import Metrics
from workbench.engine.models.decoder_model import DecoderModel
from workbench.engine.nets import decoder, encoder, layers
from workbench.engine.optim import Optimiser, make_optimiser, ramp
from workbench.engine.streams import Streams
from workbench.spec.models.vae import GaussianVAESettings, VAESettings
from workbench.spec.schema import EvaluationSettings, TrainingSettings

LOG_VARIANCE = 10.0  # log σ² stays within ±10: an unbounded one overflows in its first bad step


class VAE(DecoderModel):
    """S variational autoencoders trained side by side."""

    settings: GaussianVAESettings

    def __init__(
        self, settings: GaussianVAESettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams)
        kind, activation, norm = settings.net, settings.activation, settings.layer_norm
        moments = 2 * self.latent
        self.encoder = encoder(kind, data, settings.encoder, moments, activation, streams, layer_norm=norm)
        widths = settings.decoder
        self.decoder = decoder(kind, data, self.latent, widths, activation, streams, layer_norm=norm)
        self.likelihood = make_likelihood(
            settings.likelihood, streams, sigma=settings.sigma, learn=settings.learn_sigma
        )
        self.matrices = [layer.weight for layer in layers(self)]
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
        """Maximise the bound on one minibatch; all latents of an example share one decoder call."""
        if isinstance(self.settings, VAESettings) and self.settings.objective != "elbo":
            objective, reconstruction, kl = self.importance_weighted(batch.x, self.settings, streams)
        else:
            reconstruction, kl = (t.mean(1) for t in self.terms(batch.x, self.settings.draws, streams))
            objective = reconstruction + self.beta() * self.charged(batch.x, kl)
        loss = objective + self.penalty()
        self.descend(loss)
        return self.metrics(loss, reconstruction, kl)

    def beta(self) -> float:
        """Return the weight of the KL term in this update."""
        rise = ramp(self.settings.beta_warmup, self.updates_done, self.updates_planned)
        return self.settings.beta * rise

    def charged(self, x: Tensor, kl: Tensor) -> Tensor:
        """Return the KL term of the loss [S]: `kl` [S], or with free bits Σⱼ max(λ, mean KL of zⱼ).

        Kingma et al. 2016, appendix C.8, each latent dimension being a group.
        """
        free = self.settings.free_bits if isinstance(self.settings, VAESettings) else 0.0
        return kl if free == 0 else gaussian_kls(*self.posterior(x)).mean(1).clamp_min(free).sum(-1)

    def importance_weighted(
        self, x: Tensor, settings: VAESettings, streams: Streams
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the negative bound with the gradients of `objective`, and the NELBO's parts, [S]."""
        mean, log_variance = self.posterior(x)
        z = reparametrised(mean, log_variance, settings.importance_samples, streams)
        given = (mean, log_variance)
        if settings.objective == "dreg":  # q's parameters act through z alone
            given = (mean.detach(), log_variance.detach())
        center, spread = (moment[:, None] for moment in given)
        log_q = -0.5 * ((z - center).square() * (-spread).exp() + spread + LOG_2PI).sum(-1)
        log_px = self.log_px(x, z)
        log_weight = log_px + self.log_prior(z) - log_q
        bound = (log_weight.logsumexp(1) - math.log(settings.importance_samples)).mean(1)
        if settings.objective == "dreg":
            share = log_weight.detach().softmax(1)  # ω [S, k, B]
            z.register_hook(lambda gradient: gradient * share[..., None])
            surrogate = (share * log_weight).sum(1).mean(1)
            bound = surrogate + (bound - surrogate).detach()
        return -bound, -log_px.mean((1, 2)), gaussian_kl(mean, log_variance).mean(1)

    def terms(self, x: Tensor, draws: int, streams: Streams) -> tuple[Tensor, Tensor]:
        """Return the two parts [S, B] of the NELBO, the first averaged over `draws` latents from q(z|x)."""
        mean, log_variance = self.posterior(x)
        z = reparametrised(mean, log_variance, draws, streams)
        return -self.log_px(x, z).mean(1), gaussian_kl(mean, log_variance)

    def penalty(self) -> Tensor | float:
        """Return what the loss [S] has beyond the bound: the prior of the pixels' scale, and the L2 penalty.

        The latter is the sum of the squared weights without biases, or their mean, as `l2_mode` sets.
        """
        penalty = self.likelihood.penalty() / self.data.train_size
        if self.settings.l2 and self.settings.l2_mode != "decoupled":
            square = torch.stack([weight.square().flatten(1).sum(1) for weight in self.matrices]).sum(0)
            if self.settings.l2_mode == "mean":
                square = square / sum(weight[0].numel() for weight in self.matrices)
            penalty = penalty + self.settings.l2 * square
        return penalty

    def metrics(self, loss: Tensor, reconstruction: Tensor, kl: Tensor) -> Metrics:
        """Return the curves of a step that has been taken."""
        settings = self.settings
        metrics = {"loss": loss, "nelbo": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}
        sigma = self.likelihood.scale()
        if sigma is not None and (settings.learn_sigma or settings.likelihood == "discretised-logistic"):
            metrics["sigma_x"] = sigma
        return {name: value.detach() for name, value in metrics.items()}

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance [S, B, d] of q(z|x)."""
        mean, log_variance = self.encoder(x).chunk(2, -1)
        return mean, log_variance.clamp(-LOG_VARIANCE, LOG_VARIANCE)

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


def reparametrised(mean: Tensor, log_variance: Tensor, draws: int, streams: Streams) -> Tensor:
    """Return `draws` latents z = μ + σ ε per example [S, draws, B, d] for mean and log σ² [S, B, d]."""
    noise = streams.normal("noise", draws, *mean.shape[1:])
    return mean[:, None] + torch.exp(0.5 * log_variance)[:, None] * noise
