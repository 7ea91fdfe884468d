"""VAE with planar flows (Rezende and Mohamed 2015, eqs. 10–13), a baseline of the paper on LAEs.

    z₀ = μ(x) + σ(x) ε,    z_k = z_{k−1} + û_k tanh(w_k·z_{k−1} + b_k),    k = 1..K
    log q(z_K|x) = log N(z₀; μ, σ²) − Σ_k log(1 + û_k·ψ_k),    ψ_k = (1 − tanh²) w_k

The flows are the same for every example (not amortised). The KL is that of the draws, for it has no
closed form: log q(z_K|x) − log N(z_K; 0, I), the entropy of z₀ being taken exactly.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.engine.data.batch import DataInfo
from workbench.engine.gaussians import LOG_2PI
from workbench.engine.model import Proposal
from workbench.engine.models.decoder_model import DecoderModel
from workbench.engine.models.vae import VAE, reparametrised
from workbench.engine.streams import Streams
from workbench.spec.models.vae_flow import VAEFlowSettings
from workbench.spec.schema import TrainingSettings

IDENTITY = math.log(math.e - 1)  # softplus of this is 1
MARGIN = 1e-4  # û·w ≥ −1 + this: the determinant is never closer to 0
START = 0.01  # scale of û at the start: the flows begin near the identity


class PlanarFlows(nn.Module):
    """K planar flows of S members over d dimensions."""

    def __init__(self, count: int, latent: int, streams: Streams) -> None:
        super().__init__()
        self.w = nn.Parameter(streams.normal("init", count, 1, latent) / math.sqrt(latent))
        self.u = nn.Parameter(START * streams.normal("init", count, 1, latent))
        self.b = nn.Parameter(torch.zeros_like(self.u[..., :1]))

    def directions(self) -> Tensor:
        """Return û [S, K, 1, d], which has û·w > −1, so that every flow is invertible.

        The published code leaves this out. û differs from u along w only, and û = u where u·w = 0:
        û·w = softplus(u·w + ln(e − 1)) − 1.
        """
        along = (self.u * self.w).sum(-1, keepdim=True)
        wanted = (functional.softplus(along + IDENTITY) - 1).clamp_min(MARGIN - 1)
        return self.u + (wanted - along) * self.w / self.w.square().sum(-1, keepdim=True).clamp_min(1e-12)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_K [S, B, d] of z₀ [S, B, d], and log |det ∂z_K/∂z₀| [S, B]."""
        log_det = torch.zeros_like(z[..., 0])
        for w, u, b in zip(self.w.unbind(1), self.directions().unbind(1), self.b.unbind(1), strict=True):
            t = torch.tanh((z * w).sum(-1, keepdim=True) + b)
            # 1 − tanh² = 1/cosh², which would overflow
            log_det = log_det + torch.log1p((1 - t.square()) * (u * w).sum(-1, keepdim=True)).squeeze(-1)
            z = z + u * t
        return z, log_det


class VAEFlow(VAE):
    """S variational autoencoders with planar flows, trained and evaluated as the VAE."""

    settings: VAEFlowSettings

    def __init__(
        self, settings: VAEFlowSettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams)
        self.flows = PlanarFlows(settings.flows, settings.latent, streams)
        self.optimisers = {"model": self._optimiser()}  # with the flows' weights

    def terms(self, x: Tensor, draws: int, streams: Streams) -> tuple[Tensor, Tensor]:
        """Return the two parts [S, B] of the NELBO, both averaged over `draws` latents."""
        mean, log_variance = self.posterior(x)
        start = reparametrised(mean, log_variance, draws, streams)
        z, log_det = self.flows(start.flatten(1, 2))
        entropy = 0.5 * (log_variance + LOG_2PI + 1).sum(-1)
        kl = -entropy - (log_det + self.log_prior(z)).view(start.shape[:-1]).mean(1)
        return -self.log_px(x, z.view_as(start)).mean(1), kl

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return where the flows take the mean of the Gaussian, [S, B, d]: no draw, so that MSEs are fair."""
        z: Tensor = self.flows(self.posterior(x)[0])[0]
        return z

    def encoder_draws(self, x: Tensor, count: int, streams: Streams) -> Tensor:
        """Return `count` independent draws of q(z|x) per example, [count, S, B, d]."""
        mean, log_variance = self.posterior(x)
        std = torch.exp(0.5 * log_variance)
        # one draw at a time, in bounded memory
        draws = [self.flows(mean + std * streams.normal("encode", *mean.shape[1:]))[0] for _ in range(count)]
        return torch.stack(draws)

    def own_proposal(self, x: Tensor) -> Proposal:
        """Return q(z|x) as a proposal: the change of variables gives its density."""
        mean, log_variance = self.posterior(x)
        std = torch.exp(0.5 * log_variance)

        def draw(noise: Tensor, piece: slice) -> tuple[Tensor, Tensor]:
            start = mean[:, None, piece] + std[:, None, piece] * noise
            z, log_det = self.flows(start.flatten(1, 2))
            log_start = -0.5 * (noise.square() + LOG_2PI + log_variance[:, None, piece]).sum(-1)
            return z.view_as(start), log_start - log_det.view_as(log_start)

        return draw

    proposal = DecoderModel.proposal  # type: ignore[assignment]  # fitted to draws
