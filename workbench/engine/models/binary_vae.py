"""VAE with binary latents: prior Π Ber(½), q(z|x) = Π Ber(θ(x)), any likelihood, five gradient estimators.

    ELBO = E_q[log p(x|z)] − KL(q(z|x) || Ber(½)^Q),    KL = Σ θ l − softplus(l) + ln 2 from the logits l

The KL and its gradient are exact; the gradient of the expectation is estimated (bernoulli_gradients.py).
Everything reported but `relaxed_nelbo` is of hard codes: relaxed ones carry more than Q bits.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workbench.engine import bernoulli_gradients as estimators
from workbench.engine.bernoulli_gradients import LOG_2, Estimate, bernoulli_kl, hard, log_q
from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.dataset import DataSet
from workbench.engine.evaluation.entry import entry, example_entry
from workbench.engine.likelihoods import make_likelihood
from workbench.engine.model import Metrics
from workbench.engine.models.decoder_model import DecoderModel
from workbench.engine.nets import decoder, encoder
from workbench.engine.optim import make_optimiser
from workbench.engine.streams import Streams
from workbench.spec.models.binary_vae import BinaryVAESettings
from workbench.spec.schema import EvaluationSettings, TrainingSettings

CHUNK = 250  # examples evaluated at once
GROUP = 16  # draws of the importance-weighted bound at once
ENUMERATED = 10  # with up to this many bits, all 2^Q codes are decoded for an exact log p(x)


class BinaryVAE(DecoderModel):
    """S variational autoencoders with binary latents, trained side by side."""

    settings: BinaryVAESettings

    def __init__(
        self, settings: BinaryVAESettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams)
        kind, activation = settings.net, settings.activation
        self.encoder = encoder(kind, data, settings.encoder, self.latent, activation, streams)
        self.decoder = decoder(kind, data, self.latent, settings.decoder, activation, streams)
        self.likelihood = make_likelihood(settings.likelihood, streams, sigma=settings.sigma)
        self.optimisers = {"model": make_optimiser(self.parameters(), training)}
        updates = torch.zeros(self.members, device=streams.device, dtype=torch.float64)
        self.register_buffer("updates", updates)  # so far; the temperature depends on it
        self.updates: Tensor

    # ---- training

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Move along the estimated gradient of the ELBO (`vimco`: of its L-sample bound)."""
        estimator = self.settings.estimator
        logits = self.encoder(batch.x)
        kl = bernoulli_kl(logits)
        estimate = self._estimate(batch.x, logits, streams)
        objective = estimate.objective if estimator == "vimco" else estimate.objective - kl
        self.descend((-objective).mean(1))
        self.updates += 1
        return self._metrics(estimate, kl)

    def _estimate(self, x: Tensor, logits: Tensor, streams: Streams) -> Estimate:
        """Return the estimator's objective from `draws` decoded codes per example."""
        settings = self.settings
        halves = 2 if settings.estimator == "disarm" else 1  # a uniform there serves two codes
        uniform = streams.uniform("noise", settings.draws // halves, *logits.shape[1:])
        log_px = partial(self.log_px, x)
        if settings.estimator == "concrete":
            return estimators.concrete(logits, log_px, uniform, self.temperature().to(logits.dtype))
        chosen = {
            "straight-through": estimators.straight_through,
            "rloo": estimators.rloo,
            "disarm": estimators.disarm,
            "vimco": estimators.vimco,
        }[settings.estimator]
        return chosen(logits, log_px, uniform)

    def _metrics(self, estimate: Estimate, kl: Tensor) -> Metrics:
        """Return the curves of a step."""
        reconstruction, divergence = -estimate.log_px.mean(1), kl.detach().mean(1)
        nelbo = reconstruction + divergence
        if self.settings.estimator == "concrete":  # of relaxed codes: no bound at all
            return {
                "loss": nelbo,
                "relaxed_nelbo": nelbo.clone(),
                "kl": divergence,
                "temperature": self.temperature().to(nelbo.dtype),
            }
        metrics = {"loss": nelbo, "nelbo": nelbo.clone(), "reconstruction": reconstruction, "kl": divergence}
        if estimate.bound is not None:
            metrics["loss"] = -estimate.bound.mean(1)
            metrics["multi_sample_nelbo"] = metrics["loss"].clone()
        return metrics

    def temperature(self) -> Tensor:
        """Return max(floor, τ exp(−rate · updates)) [S]; a constant τ may lie below the floor."""
        settings = self.settings
        tau = settings.tau * torch.exp(-settings.tau_rate * self.updates)
        return tau.clamp_min(settings.tau_floor) if settings.tau_rate else tau

    # ---- evaluation

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return NELBO (one hard code), its two parts, and the MSE with the most probable code, [S, B]."""
        logits = self.encoder(x)
        kl = bernoulli_kl(logits)
        z = hard(logits, streams.uniform("noise", 1, *logits.shape[1:]))
        reconstruction = -self.log_px(x, z)[:, 0]
        mse = (x - self.decode(self.encode(x, streams))).square().mean(-1)
        return {"nelbo": reconstruction + kl, "reconstruction": reconstruction, "kl": kl, "mse": mse}

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return the most probable code [S, B, Q], of 0 and 1: decoding θ would leak what no code holds."""
        logits = self.encoder(x)
        return (logits > 0).to(logits.dtype)

    def prior_draws(self, count: int, streams: Streams, purpose: str) -> Tensor:
        """Return fair bits [S, count, Q]."""
        return (streams.uniform(purpose, count, self.latent) < 0.5).to(streams.dtype)

    def log_prior(self, z: Tensor) -> Tensor:
        """Return −Q ln 2 [S, B], for codes z of 0 and 1."""
        return z.new_full(z.shape[:-1], -self.latent * LOG_2)

    @torch.no_grad()
    def log_evidence(self, x: Tensor, draws: int, streams: Streams) -> Tensor:
        """Return log (1/k) Σ p(x, z_l) / q(z_l|x) [S, B] in float64 over k = `draws` hard codes."""
        logits = self.encoder(x)
        total = torch.full(logits.shape[:2], -math.inf, dtype=torch.float64, device=x.device)
        for first in range(0, draws, GROUP):
            size = min(GROUP, draws - first)
            z = hard(logits, streams.uniform("importance", size, *logits.shape[1:]))
            log_weight = self.log_px(x, z) - self.latent * LOG_2 - log_q(logits[:, None], z)
            total = torch.logaddexp(total, log_weight.double().logsumexp(1))
        return total - math.log(draws)

    @torch.no_grad()
    def exact_log_px(self, x: Tensor) -> Tensor:
        """Return log Σ_z p(x, z) [S, B] in float64 over all 2^Q codes, each decoded once."""
        codes = all_codes(self.latent, x)
        out = self.decoder(codes.expand(self.members, -1, -1))
        total = torch.full(x.shape[:2], -math.inf, dtype=torch.float64, device=x.device)
        for row in out.unbind(1):
            joint = self.likelihood.log_prob(x, row[:, None].expand_as(x)).double() - self.latent * LOG_2
            total = torch.logaddexp(total, joint)
        return total

    def summary(self, data: DataSet, settings: EvaluationSettings, streams: Streams) -> dict[str, Any]:
        """Return IWAE-k with hard codes, the bits in use, and with few bits the exact log p(x)."""
        bounds, exact, used = [], [], []
        for batch in data.chunks("test", streams, CHUNK, settings.images):
            bounds.append(-self.log_evidence(batch.x, settings.importance_samples, streams))
            used.append(torch.sigmoid(self.encoder(batch.x)).double())
            if self.latent <= ENUMERATED:
                exact.append(self.exact_log_px(batch.x))
        bits = entry(active_bits(torch.cat(used, 1)), None, 1)
        found = {"test_iwae": example_entry(torch.cat(bounds, 1)), "active_bits": bits}
        if exact:
            found["log_px"] = example_entry(torch.cat(exact, 1))
        return found

    def health(self, data: DataSet, metrics: dict[str, Any], streams: Streams) -> Metrics:
        """Return the share of bits in use."""
        x = next(data.chunks("test", streams, CHUNK, CHUNK)).x
        return {"active_share": active_bits(torch.sigmoid(self.encoder(x)).double()) / self.latent}


def all_codes(bits: int, like: Tensor) -> Tensor:
    """Return all 2^bits codes [2^bits, bits] of 0 and 1, with the device and precision of `like`."""
    count = torch.arange(2**bits, device=like.device)
    return ((count[:, None] >> torch.arange(bits, device=like.device)) & 1).to(like.dtype)


def active_bits(theta: Tensor) -> Tensor:
    """Return the number [S] of bits that carry more than 0.01 nats about x; θ [S, n, Q]."""

    def entropy(theta: Tensor) -> Tensor:
        return functional.binary_cross_entropy(theta, theta, reduction="none")

    carried = entropy(theta.mean(1)) - entropy(theta).mean(1)
    return (carried > 0.01).sum(-1).double()
