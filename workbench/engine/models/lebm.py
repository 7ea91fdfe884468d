"""Latent energy-based prior (Pang et al. 2020, Algorithm 1): p(z) ∝ exp(f_α(z)) N(z; 0, I), x = g_β(z) + σ ε.

Each update runs two short Langevin chains, z− from the prior and z+ from the posterior, and takes

    ∇α  of  mean f(z+) − mean f(z−)   (ascent),    ∇β  of  mean −log p(x|z+)   (descent).

No accept step, noise always on: a short-run chain is part of the model, not a sampler run to its end.
The objectives with a ladder of temperatures are in lebm_ti.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.dataset import DataSet
from workbench.engine.ensemble import mlp
from workbench.engine.gaussians import LOG_2PI
from workbench.engine.likelihoods import Gaussian
from workbench.engine.manual_backprop import input_gradient
from workbench.engine.model import Metrics
from workbench.engine.models.decoder_model import DecoderModel
from workbench.engine.nets import generator
from workbench.engine.optim import make_optimiser
from workbench.engine.samplers.langevin import eta_of_s, last, noise_steps, ula
from workbench.engine.streams import Streams
from workbench.spec.models.lebm import LEBMSettings
from workbench.spec.schema import TrainingSettings

HEALTH_CHAINS, LONGER = 500, 4  # prior chains that are judged, beside others so many times as long


class LEBM(DecoderModel):
    """S latent energy-based models trained side by side."""

    settings: LEBMSettings
    likelihood: Gaussian

    def __init__(
        self, settings: LEBMSettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams)
        kind, activation = settings.net, settings.activation
        self.generator = generator(kind, data, self.latent, settings.generator, activation, streams)
        self.likelihood = Gaussian(settings.sigma, False, streams)
        self.optimisers = {"generator": make_optimiser(self.generator.parameters(), training)}
        self.prior = None
        if not settings.flat_prior:
            self.prior = mlp([self.latent, *settings.prior, 1], activation, streams)
            rate = settings.prior_lr
            self.optimisers["prior"] = make_optimiser(self.prior.parameters(), training, lr=rate)
        # where each training datum's posterior chains ended last; N(0, I) at first
        self.chain_shape = self._chain_shape()
        stored = streams.normal("init", data.train_size, *self.chain_shape) if settings.warm_start else None
        self.register_buffer("chains", stored)
        self.chains: Tensor | None

    @property
    def decoder(self) -> nn.Module:  # type: ignore[override]  # under the name that checkpoints have
        return self.generator

    def _chain_shape(self) -> tuple[int, ...]:
        """Return the shape of one datum's chain ends."""
        return (self.latent,)

    # ---- training

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Run both chains, then one update of the prior's f and of the generator."""
        count = batch.x.shape[1]
        z_prior = self.prior_chain(count, streams)
        z_posterior = last(self.posterior_chain(batch.x, self._start(batch.index, streams), streams))
        self._store(batch.index, z_posterior)
        self.zero_grad()
        metrics = self._update_prior(z_posterior, z_prior)
        reconstruction = -self.likelihood.log_prob(batch.x, self.generator(z_posterior))
        loss = reconstruction.mean(1)
        loss.sum().backward()  # a sum over members: none sees another's gradient
        self.take_step("generator")
        return metrics | {
            "loss": loss.detach(),
            "reconstruction": loss.detach(),
            "z_square": z_prior.square().sum(-1).mean(1),
        }

    def _update_prior(self, z_posterior: Tensor, z_prior: Tensor) -> Metrics:
        """Move f up on posterior and down on prior chain ends; return its means [S] on both."""
        if self.prior is None:
            zeros = z_prior.new_zeros(self.members)
            return {"f_posterior": zeros, "f_prior": zeros.clone()}
        f_posterior, f_prior = self.prior(torch.cat([z_posterior, z_prior], 1)).squeeze(-1).chunk(2, 1)
        mean_posterior, mean_prior = f_posterior.mean(1), f_prior.mean(1)
        objective = mean_prior - mean_posterior
        if self.settings.f_l2:
            size = f_posterior.square().mean(1) + f_prior.square().mean(1)
            objective = objective + self.settings.f_l2 * size
        objective.sum().backward()
        self.take_step("prior")
        return {"f_posterior": mean_posterior.detach(), "f_prior": mean_prior.detach()}

    def _start(self, index: Tensor, streams: Streams) -> Tensor:
        """Return where the posterior chains of the data at `index` [S, B] start, [S, B, *chain_shape]."""
        if self.chains is None:
            return streams.normal("posterior start", index.shape[1], *self.chain_shape)
        return self.chains.gather(1, self._slots(index))

    def _store(self, index: Tensor, z: Tensor) -> None:
        if self.chains is not None:
            self.chains.scatter_(1, self._slots(index), z)

    def _slots(self, index: Tensor) -> Tensor:
        """Return `index` [S, B] repeated over the chain ends of each datum, [S, B, *chain_shape]."""
        ends = self.chain_shape
        return index.view(*index.shape, *(1,) * len(ends)).expand(-1, -1, *ends)

    # ---- the two chains

    def f(self, z: Tensor) -> Tensor:
        """Return the prior's correction f(z) [S, B] in nats; 0 for the flat control."""
        return z.new_zeros(z.shape[:2]) if self.prior is None else self.prior(z).squeeze(-1)

    def prior_energy(self, z: Tensor) -> Tensor:
        """Return −log p(z) up to a constant, ½‖z‖² − f(z), [S, B]."""
        return 0.5 * z.square().sum(-1) - self.f(z)

    def prior_gradient(self, z: Tensor) -> Tensor:
        """Return ∇ of `prior_energy`, z − ∇f(z), [S, B, d]."""
        if self.prior is None:
            return z.clone()
        return z - input_gradient(self.prior, z, torch.ones_like)

    def prior_chain(self, count: int, streams: Streams, steps: int = 0) -> Tensor:
        """Return ends [S, count, d] of short-run prior chains from N(0, I); `steps` 0 takes the settings'.

        With f = 0 the prior is N(0, I) itself: its draws are returned, without the chain's bias.
        """
        start = streams.normal("prior start", count, self.latent)
        return start if self.prior is None else last(self.prior_states(start, streams, steps))

    def prior_states(self, start: Tensor, streams: Streams, steps: int = 0) -> Iterator[Tensor]:
        """Yield the states [S, B, d] of prior chains from `start`; `steps` 0 takes the settings'."""
        settings = self.settings
        noises = noise_steps(streams, "prior chain", steps or settings.prior_steps, *start.shape[1:])
        eta = eta_of_s(settings.prior_step)
        return ula(self.prior_gradient, start, eta, noises, clamp=settings.clamp)

    def misfit_gradient(self, x: Tensor, z: Tensor) -> Tensor:
        """Return ∇ of ½‖x − g(z)‖² with respect to z, −Jᵀ(x − g(z)), [S, B, d]."""
        return input_gradient(self.generator, z, lambda out: out - x)

    def posterior_gradient(self, x: Tensor, z: Tensor, temperature: Tensor | None = None) -> Tensor:
        """Return −∇ log p(x, z) with respect to z, z − ∇f(z) − Jᵀ(x − g(z))/σ², [S, B, d].

        `temperature` [B, 1] multiplies the last term: the power posteriors of lebm_ti.py.
        """
        misfit, precision = self.misfit_gradient(x, z), self.settings.sigma**-2
        if temperature is None:
            return self.prior_gradient(z).add_(misfit, alpha=precision)
        return self.prior_gradient(z).addcmul_(misfit, temperature, value=precision)

    def posterior_chain(self, x: Tensor, start: Tensor, streams: Streams, steps: int = 0) -> Iterator[Tensor]:
        """Yield the states [S, B, d] of posterior chains of x [S, B, D]; `steps` 0 takes the settings'."""
        settings = self.settings
        steps = steps or settings.posterior_steps
        noises = noise_steps(streams, "posterior chain", steps, *start.shape[1:])

        eta = eta_of_s(settings.posterior_step)
        return ula(lambda z: self.posterior_gradient(x, z), start, eta, noises, clamp=settings.clamp)

    # ---- evaluation

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return per-example [S, B] quantities at the encoded latent of held-out x."""
        z = self.encode(x, streams)
        out = self.generator(z)
        reconstruction = -self.likelihood.log_prob(x, out)
        return {
            "loss": reconstruction,
            "reconstruction": reconstruction,
            "f_posterior": self.f(z),
            "mse": (x - self.likelihood.mean(out)).square().mean(-1),
        }

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return the mean [S, B, d] over the second half of a posterior chain from N(0, I).

        Cold-started, as held-out data have no stored chain; `encode_steps` long.
        """
        steps = self.settings.encode_steps or self.settings.posterior_steps
        start = streams.normal("posterior start", x.shape[1], self.latent)
        total, kept = torch.zeros_like(start), 0
        for position, z in enumerate(self.posterior_chain(x, start, streams, steps)):
            if position >= steps // 2:
                total, kept = total + z, kept + 1
        return total / kept

    @torch.no_grad()
    def health(self, data: DataSet, metrics: dict[str, Any], streams: Streams) -> Metrics:
        """Return ‖z‖² a dimension of prior chains, and how far f moves if they are longer, in its std."""
        longer_steps = LONGER * self.settings.prior_steps
        z = self.prior_chain(HEALTH_CHAINS, streams)
        found = {"prior_norm": z.square().mean((1, 2))}
        if self.prior is not None:
            longer = self.f(self.prior_chain(HEALTH_CHAINS, streams, longer_steps))
            found["prior_drift"] = (longer.mean(1) - self.f(z).mean(1)).abs() / longer.std(1).clamp_min(1e-6)
        return found

    def prior_draws(self, count: int, streams: Streams, purpose: str) -> Tensor:
        """Return the ends of prior chains [S, count, d]."""
        return self.prior_chain(count, streams)

    def log_prior(self, z: Tensor) -> Tensor:
        """Return f(z) + log N(z; 0, I) [S, B]: log p(z) + log Z."""
        return -self.prior_energy(z) - 0.5 * self.latent * LOG_2PI
