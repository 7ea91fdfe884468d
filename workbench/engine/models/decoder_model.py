"""Base of the models with a decoder: a latent z of known prior, and x drawn from p(x|z)."""

from __future__ import annotations

from torch import Tensor, nn

from workbench.engine.gaussians import log_standard_normal
from workbench.engine.likelihoods import Likelihood
from workbench.engine.model import LatentModel
from workbench.engine.streams import Streams

PROPOSAL_DRAWS = 200
PROPOSAL_INFLATION = 1.2  # weights of a proposal narrower than the posterior have no variance


class DecoderModel(LatentModel):
    """z ~ N(0, I), unless a family overrides `prior_draws` and `log_prior`; x ~ likelihood(decoder(z))."""

    decoder: nn.Module  # z [S, B, d] → what the likelihood takes [S, B, D]
    likelihood: Likelihood

    def prior_draws(self, count: int, streams: Streams, purpose: str) -> Tensor:
        """Return draws of the prior [S, count, d]."""
        return streams.normal(purpose, count, self.latent)

    def log_prior(self, z: Tensor) -> Tensor:
        """Return log N(z; 0, I) [S, B]."""
        return log_standard_normal(z)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z) [S, B, D]."""
        return self.likelihood.mean(self.decoder(z))

    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return samples [S, count, D]: decoded means for pictures, draws from p(x|z) otherwise."""
        out = self.decoder(self.prior_draws(count, streams, "sample"))
        if len(self.data.shape) > 1:
            return self.likelihood.mean(out)
        return self.likelihood.draw(out, streams, "sample")

    def log_px(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) [S, L, B] of x [S, B, D] and L latents each, z [S, L, B, d], in one call."""
        members, draws, count, latent = z.shape
        out = self.decoder(z.reshape(members, draws * count, latent))
        repeated = x if draws == 1 else x.repeat(1, draws, 1)
        return self.likelihood.log_prob(repeated, out).view(members, draws, count)

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) + log p(z) [S, B]."""
        return self.likelihood.log_prob(x, self.decoder(z)) + self.log_prior(z)

    def joint_draws(self, count: int, streams: Streams) -> tuple[Tensor, Tensor] | None:
        """Return exact draws x [S, count, D] and z [S, count, d] of p(x, z), if it is normalised."""
        if not (self.normalised and self.continuous):
            return None
        z = self.prior_draws(count, streams, "joint")
        return self.likelihood.draw(self.decoder(z), streams, "joint"), z

    def proposal(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor] | None:
        """Return mean and 1.2 standard deviations [S, B, d] of 200 encoder draws, where there are some."""
        draws = self.encoder_draws(x, PROPOSAL_DRAWS, streams)
        if draws is None:
            return None
        return draws.mean(0), PROPOSAL_INFLATION * draws.std(0) + 1e-6
