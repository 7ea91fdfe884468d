"""VAE with binary latents: prior Π Ber(½), q(z|x) = Π Ber(θ(x)), any likelihood, five gradient estimators.

    ELBO = E_q[log p(x|z)] − KL(q(z|x) || Ber(½)^Q),    KL = Σ θ l − softplus(l) + ln 2 from the logits l

The KL and its gradient are exact; the gradient of the expectation is estimated (bernoulli_gradients.py).
Everything reported but `relaxed_nelbo` is of hard codes: relaxed ones carry more than Q bits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from workbench.engine import bernoulli_gradients as estimators
from workbench.engine.bernoulli_gradients import LOG_2, Estimate, bernoulli_kl, hard, log_q
from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.ensemble import mlp
from workbench.engine.evaluation.entry import entry
from workbench.engine.likelihoods import make_likelihood
from workbench.engine.model import LatentModel, Metrics
from workbench.engine.optim import clip_gradients, make_optimiser
from workbench.engine.streams import Streams
from workbench.spec.models.binary_vae import BinaryVAESettings
from workbench.spec.schema import TrainingSettings

if TYPE_CHECKING:
    from workbench.engine.data.dataset import DataSet
    from workbench.spec.schema import EvaluationSettings

CHUNK = 250  # examples judged at once
GROUP = 16  # draws of the importance-weighted bound at once
ENUMERATED = 10  # with up to this many bits, all 2^Q codes are decoded for an exact log p(x)


class BinaryVAE(LatentModel):
    """S variational autoencoders with binary latents, trained side by side."""

    continuous = False

    def __init__(
        self, settings: BinaryVAESettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__()
        self.settings, self.training_settings, self.data = settings, training, data
        self.members, self.latent = len(streams.seeds), settings.latent
        self.encoder = mlp([data.dimensions, *settings.encoder, self.latent], settings.activation, streams)
        self.decoder = mlp([self.latent, *settings.decoder, data.dimensions], settings.activation, streams)
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
        self.zero_grad()
        (-objective).mean(1).sum().backward()  # a sum over members: none sees another's gradient
        clip_gradients(self.parameters(), self.training_settings.clip)
        self.optimisers["model"].step()
        self.updates += 1
        return self._told(estimate, kl)

    def _estimate(self, x: Tensor, logits: Tensor, streams: Streams) -> Estimate:
        """Return the estimator's objective from `draws` decoded codes per example."""
        settings = self.settings
        halves = 2 if settings.estimator == "disarm" else 1  # a uniform there serves two codes
        uniform = streams.uniform("noise", settings.draws // halves, *logits.shape[1:])

        def log_px(z: Tensor) -> Tensor:
            return self.log_px(x, z)

        if settings.estimator == "concrete":
            return estimators.concrete(logits, log_px, uniform, self.temperature().to(logits.dtype))
        chosen = {
            "straight-through": estimators.straight_through,
            "rloo": estimators.rloo,
            "disarm": estimators.disarm,
            "vimco": estimators.vimco,
        }[settings.estimator]
        return chosen(logits, log_px, uniform)

    def _told(self, estimate: Estimate, kl: Tensor) -> Metrics:
        """Return the curves of a step, each under a name that says what it is."""
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

    def log_px(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) [S, L, B] for x [S, B, D] and z [S, L, B, Q], decoded in one call."""
        members, draws, count, bits = z.shape
        out = self.decoder(z.reshape(members, draws * count, bits))
        repeated = x if draws == 1 else x.repeat(1, draws, 1)
        return self.likelihood.log_prob(repeated, out).view(members, draws, count)

    # ---- evaluation

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return NELBO (one hard code), its two parts, and the MSE with the most probable code, [S, B]."""
        logits = self.encoder(x)
        kl = bernoulli_kl(logits)
        z = hard(logits, streams.uniform("noise", 1, *logits.shape[1:]))
        reconstruction = -self.log_px(x, z)[:, 0]
        mse = (x - self.decode(self._mode(logits))).square().mean(-1)
        return {"nelbo": reconstruction + kl, "reconstruction": reconstruction, "kl": kl, "mse": mse}

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return the most probable code [S, B, Q], of 0 and 1: decoding θ would leak what no code holds."""
        return self._mode(self.encoder(x))

    def _mode(self, logits: Tensor) -> Tensor:
        return (logits > 0).to(logits.dtype)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z) [S, B, D]."""
        return self.likelihood.mean(self.decoder(z))

    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return samples [S, count, D] from fair bits: decoded means for pictures, draws otherwise."""
        out = self.decoder((streams.uniform("sample", count, self.latent) < 0.5).to(streams.dtype))
        if len(self.data.shape) > 1:
            return self.likelihood.mean(out)
        return self.likelihood.draw(out, streams, "sample")

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) − Q ln 2 [S, B], normalised, for codes z of 0 and 1."""
        return self.log_px(x, z[:, None])[:, 0] - self.latent * LOG_2

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
        found = {"test_iwae": _mean(bounds), "active_bits": entry(_active(torch.cat(used, 1)), None, 1)}
        if exact:
            found["log_px"] = _mean(exact)
        return found


def all_codes(bits: int, like: Tensor) -> Tensor:
    """Return all 2^bits codes [2^bits, bits] of 0 and 1, with the device and precision of `like`."""
    count = torch.arange(2**bits, device=like.device)
    return ((count[:, None] >> torch.arange(bits, device=like.device)) & 1).to(like.dtype)


def _active(theta: Tensor) -> Tensor:
    """Return the number [S] of bits that carry more than 0.01 nats about x; θ [S, n, Q]."""
    mean = theta.mean(1)
    return (_entropy(mean) - _entropy(theta).mean(1) > 0.01).sum(-1).double()


def _entropy(theta: Tensor) -> Tensor:
    return functional.binary_cross_entropy(theta, theta, reduction="none")


def _mean(parts: list[Tensor]) -> dict[str, Any]:
    values = torch.cat(parts, 1)
    count = values.shape[1]
    return entry(values.mean(1), values.std(1) / count**0.5 if count > 1 else None, count)


def build(
    settings: BinaryVAESettings, training: TrainingSettings, data: DataInfo, streams: Streams
) -> BinaryVAE:
    """Return the model with its initial weights drawn from the stream "init"."""
    return BinaryVAE(settings, training, data, streams)
