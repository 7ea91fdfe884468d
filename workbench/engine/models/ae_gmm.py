"""Autoencoder with a Gaussian mixture over its codes: two stages, no likelihood trained.

    stage 1: minimise Σ_pixels error(x, dec(enc(x)))        stage 2: z ~ GMM fitted to {enc(x)}, x = dec(z)

The mixture is fitted roughly before each snapshot and fully after the last step, to training codes alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.dataset import DataSet
from workbench.engine.evaluation.entry import entry, example_entry, mean_entry
from workbench.engine.evaluation.importance import log_evidence
from workbench.engine.evaluation.neighbours import nearest_distances
from workbench.engine.likelihoods import Bernoulli
from workbench.engine.mixtures import RIDGE, ROUGH, TOLERANCE, Mixtures
from workbench.engine.model import LatentModel, Metrics
from workbench.engine.nets import decoder, encoder
from workbench.engine.optim import make_optimiser
from workbench.engine.streams import Streams
from workbench.spec.models.ae_gmm import AEGMMSettings
from workbench.spec.schema import EvaluationSettings, TrainingSettings

CHUNK = 1000  # examples encoded or evaluated at once
QUICK_CODES = 2000  # codes of the rough fit before a snapshot
SPREADS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8)  # proposals tried, in standard deviations of the codes
TRIED = 200  # training examples that choose among them
NEIGHBOURS = 10_000  # training examples in which a sample's nearest one is looked for


class AEGMM(LatentModel):
    """S autoencoders trained side by side, each with a mixture of its own."""

    settings: AEGMMSettings

    def __init__(
        self, settings: AEGMMSettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams)
        kind, activation = settings.net, settings.activation
        self.encoder = encoder(kind, data, settings.encoder, self.latent, activation, streams)
        self.decoder = decoder(kind, data, self.latent, settings.decoder, activation, streams)
        self.likelihood = Bernoulli()
        self.mixtures = Mixtures(max(settings.components), self.latent, streams)
        self.optimisers = {"model": make_optimiser(self.parameters(), training)}

    # ---- stage 1

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Lower the reconstruction error of one minibatch."""
        out = self.decoder(self.encoder(batch.x))
        loss = self._error(batch.x, out).mean(1)
        self.descend(loss)
        mse = (batch.x - self._mean(out.detach())).square().mean((1, 2))
        return {"loss": loss.detach(), "mse": mse}

    def _error(self, x: Tensor, out: Tensor) -> Tensor:
        """Return the error [S, B], summed over the data dimensions."""
        if self.settings.error == "bce":
            return -self.likelihood.log_prob(x, out)
        return (x - out).square().sum(-1)

    def _mean(self, out: Tensor) -> Tensor:
        return self.likelihood.mean(out) if self.settings.error == "bce" else out

    # ---- stage 2

    @torch.no_grad()
    def refit(self, data: DataSet, streams: Streams, *, quick: bool) -> None:
        """Fit the mixtures to codes of random training examples.

        `quick` takes few codes and the largest number of components, and starts EM once.
        """
        limit = self.settings.fit_codes or data.info.train_size
        limit = min(limit, data.info.train_size, QUICK_CODES if quick else data.info.train_size)
        order = streams.permutation("codes", data.info.train_size)[:, :limit]
        parts = [data.batch(index, streams).x for index in order.split(CHUNK, 1)]
        codes = torch.cat([self.encoder(x) for x in parts], 1)
        settings = self.settings
        candidates = [max(settings.components)] if quick else settings.components
        restarts, tolerance = (1, ROUGH) if quick else (settings.restarts, TOLERANCE)
        self.mixtures.refit(codes, candidates, settings.choice, restarts, streams.seeds, tolerance)

    # ---- evaluation

    @torch.no_grad()
    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return the error that is minimised and the MSE per dimension, [S, B]."""
        out = self.decoder(self.encoder(x))
        return {"loss": self._error(x, out), "mse": (x - self._mean(out)).square().mean(-1)}

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return the code [S, B, d]."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Return the reconstruction [S, B, D] of code z."""
        return self._mean(self.decoder(z))

    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return decoded draws [S, count, D] from the mixtures."""
        return self.decode(self.mixtures.sample(count, streams))

    def summary(self, data: DataSet, settings: EvaluationSettings, streams: Streams) -> dict[str, Any]:
        """Return how well the mixture fits, how near samples come to training data, and a likelihood."""
        used = (self.mixtures.weights > 0).sum(1).double()
        density, bounds = [], []
        spread = self._proposal_spread(data, streams.fork("spread")) if self.settings.error == "bce" else None
        for batch in data.chunks("test", streams, CHUNK, settings.images):
            z = self.encoder(batch.x)
            standard = self.mixtures.scale.log().sum(-1)  # codes compare once they are standardised
            density.append((self.mixtures.log_prob(z) + standard).double())
            if spread is not None:
                bounds.append(-self._log_evidence(batch.x, spread, settings.importance_samples, streams))
        found = {
            "gmm_components": entry(used, None, 1),
            "gmm_log_likelihood": example_entry(torch.cat(density, 1)),
        }
        if bounds:
            found["gmm_prior_iwae"] = example_entry(torch.cat(bounds, 1))
        return found | self._nearest(data, settings, streams.fork("nearest"))

    def health(self, data: DataSet, metrics: dict[str, Any], streams: Streams) -> Metrics:
        """Return the least weight over an equal share, and a component's least variance over the ridge."""
        weights, factors = self.mixtures.weights, self.mixtures.factors
        used = weights > 0
        least = weights.masked_fill(~used, 1.0).amin(1) * used.sum(1)
        variance = (
            torch.linalg.svdvals(factors.nan_to_num()).amin(-1).square().masked_fill(~used, torch.inf).amin(1)
        )
        return {"component_weight": least, "component_spread": variance / (RIDGE * self.latent)}

    def _log_evidence(self, x: Tensor, spread: Tensor, draws: int, streams: Streams) -> Tensor:
        """Return IWAE-k log p(x) [S, B] with the mixture as prior and q = N(enc(x), (spread · std)²)."""
        mean = self.encoder(x)
        width = (spread[:, None, None] * self.mixtures.scale).expand_as(mean)
        return log_evidence(_WithPrior(self, streams), x, mean, width, draws, streams)

    def _proposal_spread(self, data: DataSet, streams: Streams) -> Tensor:
        """Return, per member [S], the proposal of `SPREADS` with the best bound on training examples."""
        x = next(data.chunks("train", streams, TRIED)).x
        tried = [torch.full((self.members,), s, device=x.device, dtype=x.dtype) for s in SPREADS]
        bounds = torch.stack([self._log_evidence(x, s, 16, streams).mean(1) for s in tried])
        return torch.stack(tried)[bounds.argmax(0), torch.arange(self.members, device=x.device)]

    def _nearest(self, data: DataSet, settings: EvaluationSettings, streams: Streams) -> dict[str, Any]:
        """Return how far samples, and real test examples, lie from their nearest training example."""
        train = next(data.chunks("train", streams, NEIGHBOURS, NEIGHBOURS)).x
        test = next(data.chunks("test", streams, settings.samples, settings.samples)).x
        x = self.sample(settings.samples, streams)
        if self.data.kind == "binary":  # means would look nearer or farther than any data
            x = (streams.uniform("pixels", *x.shape[1:]) < x).to(x.dtype)
        return {
            "nearest_train": mean_entry(nearest_distances(x, train).double()),
            "nearest_train_real": mean_entry(nearest_distances(test, train).double()),
        }


class _WithPrior(LatentModel):
    """The autoencoder read as a latent-variable model: Bernoulli pixels, the mixture as prior."""

    def __init__(self, trained: AEGMM, streams: Streams) -> None:
        super().__init__(trained.settings, trained.training_settings, trained.data, streams)
        self.trained = trained

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) + log GMM(z) [S, B]."""
        trained = self.trained
        return trained.likelihood.log_prob(x, trained.decoder(z)) + trained.mixtures.log_prob(z)
