"""Adversarial variational Bayes (Mescheder, Nowozin and Geiger 2017, Algorithms 1 and 2).

An implicit posterior is learnt by a game:

    z = enc([x, ε]),  ε ~ N(0, I)                       a posterior to draw from, without a density
    model:      minimise  −log p(x|z) + T(x, z)         through z alone: T's weights are frozen
    adversary:  minimise  softplus(−T(x, z_q)) + softplus(T(x, z_p)),   z_q from the encoder, z_p ~ N(0, I)

The best T is log q(z|x) − log p(z), so that T replaces the integrand of the KL term. It
lags behind, which makes T too small and log p(x|z) − T too large: that number is no bound, and it
is never reported as one. What is comparable is IWAE with a Gaussian fitted to `encoder_draws`.

Adaptive contrast: with m(x), s(x) the mean and standard deviation of z given x (no gradient), T compares
z̃ = (z − m)/s with N(0, I), and T(x, z̃) + log N(z; m, s²) − log p(z) takes the place of T(x, z).
T has only to learn how the posterior differs from a Gaussian of the same moments.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.dataset import DataSet
from workbench.engine.likelihoods import make_likelihood
from workbench.engine.model import Metrics
from workbench.engine.models.avb_adversaries import InnerProductAdversary, JointAdversary
from workbench.engine.models.avb_encoders import ContrastEncoder, NoisyEncoder, from_gaussian
from workbench.engine.models.decoder_model import DecoderModel
from workbench.engine.nets import decoder
from workbench.engine.optim import make_optimiser
from workbench.engine.streams import Streams
from workbench.spec.models.avb import AVBSettings
from workbench.spec.schema import TrainingSettings

MOMENT_DRAWS = 500  # of the noise functions, when a model with adaptive contrast is evaluated
ENCODE_DRAWS = 32  # whose mean is taken for the posterior's
HEALTH_IMAGES = 1000  # whose bound by T is judged
ROWS = 4096  # of one encoder call that draws many latents per example


class AVB(DecoderModel):
    """S adversarially trained variational autoencoders side by side."""

    settings: AVBSettings

    def __init__(
        self, settings: AVBSettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams)
        encoder = ContrastEncoder if settings.adaptive_contrast else NoisyEncoder
        self.encoder = encoder(settings, data, streams)
        kind, activation = settings.net, settings.activation
        self.decoder = decoder(kind, data, self.latent, settings.decoder, activation, streams)
        self.likelihood = make_likelihood(settings.likelihood, streams, sigma=settings.sigma)
        adversary = JointAdversary if settings.adversary_form == "joint" else InnerProductAdversary
        self.adversary = adversary(settings, data, streams)
        own = [
            parameter
            for part in (self.encoder, self.decoder, self.likelihood)
            for parameter in part.parameters()
        ]
        # plain SGD is a choice for the model only: T has to keep up
        adam = training.model_copy(update={"optimiser": "adam"})
        self.optimisers = {
            "model": make_optimiser(own, training),
            "adversary": make_optimiser(self.adversary.parameters(), adam, lr=settings.adversary_lr),
        }

    def adopted(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return another model's parameters under this one's names: a VAE's encoder gives the mean of z."""
        own = {name: weight for name, weight in self.named_parameters() if name.startswith("encoder.")}
        if own.keys() & weights.keys():
            return weights
        return weights | from_gaussian(own, weights, self.latent)

    # ---- training

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Bring T up to date with `adversary_steps` updates, then update encoder and decoder once.

        In the first `adversary_first` steps of a run encoder and decoder stay as they are.
        """
        adversary_loss = self._adversary_steps(batch.x, streams)
        inputs = self._inputs(batch.x)
        noise = streams.normal("noise", inputs.shape[1], self.encoder.noise)
        moves = self.updates_done >= self.settings.adversary_first
        self.adversary.requires_grad_(False)
        with torch.set_grad_enabled(moves):
            z, seen, known = self._latents(self.encoder.share(inputs), noise)
            reconstruction = -self.likelihood.log_prob(batch.x, self.decoder(z)).mean(1)
            kl = (self.adversary(self.adversary.share(inputs), seen) + known).mean(1)
            loss = reconstruction + kl + self.likelihood.penalty() / self.data.train_size
        if moves:
            self.optimisers["model"].zero_grad()
            loss.sum().backward()  # a sum over members: none sees another's gradient
            self.take_step("model")
        self.adversary.requires_grad_(True)
        metrics = {
            "loss": loss,
            "reconstruction": reconstruction,
            "kl_adversary": kl,
            "elbo_adversary": -(reconstruction + kl),
            "adversary_loss": adversary_loss,
        }
        if self.settings.likelihood == "discretised-logistic":
            sigma = self.likelihood.scale()
            assert sigma is not None
            metrics["sigma_x"] = sigma
        return {name: value.detach() for name, value in metrics.items()}

    def _adversary_steps(self, x: Tensor, streams: Streams) -> Tensor:
        """Update T on fresh latents of the same x each time; return its mean logistic loss [S]."""
        steps, count = self.settings.adversary_steps, x.shape[1]
        inputs = self._inputs(x)
        with torch.no_grad():  # the encoder does not move meanwhile: all its latents in one call
            noise = streams.normal("adversary noise", steps * count, self.encoder.noise)
            share = self.encoder.share(inputs).repeat(1, steps, 1)
            posterior = self._latents(share, noise)[1].split(count, 1)
        prior = streams.normal("prior", steps * count, self.latent).split(count, 1)
        losses = []
        for z_q, z_p in zip(posterior, prior, strict=True):
            share = self.adversary.share(inputs).repeat(1, 2, 1)
            t_q, t_p = self.adversary(share, torch.cat([z_q, z_p], 1)).split(count, 1)
            loss = functional.softplus(-t_q).mean(1) + functional.softplus(t_p).mean(1)
            loss.sum().backward()
            self.take_step("adversary")
            self.optimisers["adversary"].zero_grad()
            losses.append(loss.detach())
        return torch.stack(losses).mean(0)

    def _latents(
        self, share: Tensor, noise: Tensor, others: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | float]:
        """Return z, what T sees of it [S, B, d], and what is known of log q(z|x) − log p(z) without T [S, B].

        Without adaptive contrast T sees z and nothing is known. With it T sees z̃ = (z − m)/s, and
        log N(z; m, s²) − log p(z) is known; m and s have the moments of v over `noise`, or over `others`.
        """
        encoder = self.encoder
        if not isinstance(encoder, ContrastEncoder):
            z = encoder(share, noise)
            return z, z, 0.0
        values = encoder.values(noise)
        z = encoder.combine(share, values)
        mean, std = encoder.moments(share, values if others is None else encoder.values(others))
        seen = (z - mean) / std
        known = (0.5 * (z.square() - seen.square()) - std.log()).sum(-1)
        return z, seen, known

    def _inputs(self, x: Tensor) -> Tensor:
        """Return x as the encoder and the adversary see it."""
        return 2 * x - 1 if self.settings.centre_inputs else x

    # ---- evaluation

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return reconstruction, T, their sum (no bound) and the MSE of the mean latent, [S, B]."""
        inputs = self._inputs(x)
        noise = streams.normal("encode", x.shape[1], self.encoder.noise)
        # a batch of any size, even of one example: the moments of v come from draws of their own
        others = streams.normal("moments", MOMENT_DRAWS, self.encoder.noise)
        z, seen, known = self._latents(self.encoder.share(inputs), noise, others)
        reconstruction = -self.likelihood.log_prob(x, self.decoder(z))
        kl = self.adversary(self.adversary.share(inputs), seen) + known
        mse = (x - self.decode(self.encode(x, streams))).square().mean(-1)
        return {
            "reconstruction": reconstruction,
            "kl_adversary": kl,
            "elbo_adversary": -(reconstruction + kl),
            "mse": mse,
        }

    def health(self, data: DataSet, metrics: dict[str, Any], streams: Streams) -> Metrics:
        """Return by how many nats the adversary's ELBO of test data exceeds their IWAE bound."""
        x = next(data.chunks("test", streams, HEALTH_IMAGES, HEALTH_IMAGES)).x
        bound = self.evaluate(x, streams)["elbo_adversary"].mean(1)
        iwae = metrics.get("test_iwae", {}).get("values")
        return {} if iwae is None else {"adversary_gap": bound + bound.new_tensor([v or 0.0 for v in iwae])}

    @torch.no_grad()
    def encoder_draws(self, x: Tensor, count: int, streams: Streams) -> Tensor:
        """Return `count` independent draws of q(z|x) per example, [count, S, B, d]."""
        examples = x.shape[1]
        share = self.encoder.share(self._inputs(x))
        group = max(1, min(count, ROWS // examples))
        parts = []
        for start in range(0, count, group):
            size = min(group, count - start)
            # one draw at a time, so that the grouping does not change the numbers
            noise = [streams.normal("encode", examples, self.encoder.noise) for _ in range(size)]
            z = self.encoder(share.repeat(1, size, 1), torch.cat(noise, 1))
            parts.append(z.view(self.members, size, examples, self.latent))
        return torch.cat(parts, 1).transpose(0, 1)

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return the posterior mean [S, B, d], estimated from 32 draws."""
        return self.encoder_draws(x, ENCODE_DRAWS, streams).mean(0)
