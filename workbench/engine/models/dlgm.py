"""Deep latent Gaussian model with Langevin refinement (Hoffman 2017), a baseline of the LAE's paper.

    encoder: the bound, as in a VAE;    decoder: −log p(x|z_T), with z_T the end of a chain from z ~ q(z|x)
    z_t = z_{t−1} − η ∇_z [−log p(x|z) + ½‖z‖²] + √(2η) ξ,    t = 1..T, one chain per example, no accept step

The end of the chain is closer to the posterior than q is, so that the decoder need not bend to the encoder's
Gaussian. What the decoder minimises is not a bound; it is evaluated by the encoder's bound, as for a VAE.
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor

from workbench.engine.data.batch import Batch
from workbench.engine.gaussians import gaussian_kl
from workbench.engine.model import Metrics
from workbench.engine.models.vae import VAE, reparametrised
from workbench.engine.samplers.langevin import last, noise_steps, ula
from workbench.engine.streams import Streams
from workbench.spec.models.dlgm import DLGMSettings


class DLGM(VAE):
    """S models trained side by side; T = 0 steps make it the VAE, gradient by gradient."""

    settings: DLGMSettings

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Do one update: the encoder by the bound, decoder and likelihood by the ends of the chains.

        `loss` is the decoder's: −log p(x|z_T) + β KL + penalties.
        """
        settings, x = self.settings, batch.x
        mean, log_variance = self.posterior(x)
        z = reparametrised(mean, log_variance, settings.draws, streams)
        reconstruction = -self.log_px(x, z).flatten(1).mean(1)
        kl = gaussian_kl(mean, log_variance).mean(1)
        end = self.refine(x.repeat(1, settings.draws, 1), z.detach().flatten(1, 2), streams)
        refined = -self.log_px(x, end.view_as(z)).flatten(1).mean(1)

        bound = reconstruction + self.beta() * kl + self.penalty()
        loss = refined + self.beta() * kl.detach() + self.penalty()
        encoder = list(self.encoder.parameters())
        rest = [*self.decoder.parameters(), *self.likelihood.parameters()]
        gradients = (*torch.autograd.grad(bound.sum(), encoder), *torch.autograd.grad(loss.sum(), rest))
        for parameter, gradient in zip((*encoder, *rest), gradients, strict=True):
            parameter.grad = gradient
        self.take_step()
        return self.metrics(loss, reconstruction, kl)

    def refine(self, x: Tensor, z: Tensor, streams: Streams) -> Tensor:
        """Return the ends [S, B, d] of the chains that start at z [S, B, d]; unchanged without steps."""
        steps = noise_steps(streams, "chain", self.settings.chain_steps, *z.shape[1:])

        def slope(state: Tensor) -> Tensor:
            with torch.enable_grad():
                leaf = state.detach().requires_grad_()
                energy = 0.5 * leaf.square().sum() - self.likelihood.log_prob(x, self.decoder(leaf)).sum()
                return torch.autograd.grad(energy, leaf)[0]

        return last(chain([z], ula(slope, z, self.settings.chain_step, steps)))
