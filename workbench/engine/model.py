"""What a model family must offer so that the trainer, the evaluations and the panes can use it.

Shapes: S members (one per seed) lead every parameter, state, batch and metric; B examples; D data
dimensions flattened; d latent dimensions. The `engine` of a family's settings names, as "module:name",
its subclass of `LatentModel` or a function that chooses one. Either is called with

    (settings, training, data, streams)

and draws all initial values from `streams` (purpose "init"), so that member s of an S-member model equals
the solo model of that seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from workbench.engine.averaging import Average
from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.dataset import DataSet
from workbench.engine.optim import Optimiser, clip_gradients
from workbench.engine.streams import Streams
from workbench.spec.models import ModelSettings
from workbench.spec.schema import EvaluationSettings, TrainingSettings
from workbench.store.paths import RunPaths

Metrics = dict[str, Tensor]
# what importance sampling draws from: takes noise N(0, I) [S, L, b, d] and which examples it is for, returns
# latents [S, L, b, d] and their log-density [S, L, b]
Proposal = Callable[[Tensor, slice], tuple[Tensor, Tensor]]


class LatentModel(nn.Module):
    """Base of all families. What a family can do is declared on its settings class and read from there.

    Everything that must survive a resume is a parameter, a buffer, or in an optimiser.
    """

    settings: ModelSettings
    members: int  # S
    latent: int  # d; 0: no latents, so encode, decode and log_joint are not called
    optimisers: dict[str, Optimiser]
    # the curve on held-out data that early stopping watches; empty: the first of early_stopping.WATCHED
    watched: str = ""

    def __init__(
        self, settings: ModelSettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__()
        self.settings, self.training_settings, self.data = settings, training, data
        self.members = len(streams.seeds)
        self.latent = getattr(settings, "latent", 0)
        self.average: Average | None = None  # of the weights, see engine/averaging.py
        self.updates_done, self.updates_planned = 0, 1  # set by the trainer before each step

    @property
    def normalised(self) -> bool:
        """Whether log_joint is normalised, so that ELBO and IWAE are bounds."""
        return self.settings.has_density and self.settings.normalised_prior

    @property
    def continuous(self) -> bool:
        """Whether latents are real numbers: gradients, Gaussian proposals and quadrature make sense."""
        return self.settings.continuous_latents

    @property
    def generative(self) -> bool:
        """Whether `sample` draws samples of x."""
        return self.settings.has_samples

    def exchange_weights(self) -> None:
        """Exchange the weights with their average, if there is one; a second call undoes it."""
        if self.average is not None:
            self.average.exchange(self)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Compute with the averaged weights, if there are some; take no `state_dict` meanwhile."""
        self.exchange_weights()
        try:
            yield
        finally:
            self.exchange_weights()

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Do one parameter update; return metrics as detached device tensors [S]. No host sync in here."""
        raise NotImplementedError

    def descend(self, loss: Tensor) -> None:
        """Take one step of the only optimiser, "model", down the gradients of the losses [S]."""
        self.zero_grad()
        loss.sum().backward()  # a sum over members: none sees another's gradient
        self.take_step()

    def take_step(self, name: str = "model") -> None:
        """Clip the gradients of an optimiser's parameters, member by member, and update the parameters."""
        optimiser, clip = self.optimisers[name], self.training_settings.clip
        if clip:
            own = {id(parameter) for parameter in optimiser.parameters}
            clip_gradients([parameter for parameter in self.parameters() if id(parameter) in own], clip)
        optimiser.step()

    def evaluate(self, x: Tensor, streams: Streams) -> Metrics:
        """Return per-example quantities [S, B] for held-out x [S, B, D]: names of spec/metrics.py curves."""
        raise NotImplementedError

    def evaluate_batch(self, batch: Batch, streams: Streams) -> Metrics:
        """Return what `evaluate` does [S, B], of a batch with its labels; for families that need them."""
        return self.evaluate(batch.x, streams)

    def encode(self, x: Tensor, streams: Streams) -> Tensor:
        """Return the representative latent [S, B, d] of x [S, B, D]: posterior mean, or a chain's end."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z) [S, B, D] in data units for z [S, B, d]."""
        raise NotImplementedError

    def sample(self, count: int, streams: Streams) -> Tensor:
        """Return model samples [S, count, D]: means of p(x|z) for pictures, with its noise for points."""
        raise NotImplementedError

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor | None:
        """Return log p(x, z) [S, B] (unnormalised if `normalised` is False), or None if there is none."""
        return None

    def log_prior(self, z: Tensor) -> Tensor | None:
        """Return log p(z) [S, B], short of the same constant as `log_joint`, or None if there is none."""
        return None

    def joint_draws(self, count: int, streams: Streams) -> tuple[Tensor, Tensor] | None:
        """Return exact draws x [S, count, D] and z [S, count, d] of p(x, z), or None if there are none."""
        return None

    def proposal(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor] | None:
        """Return mean and std [S, B, d] of a Gaussian close to p(z|x), for importance sampling."""
        return None

    def encoder_draws(self, x: Tensor, count: int, streams: Streams) -> Tensor | None:
        """Return independent draws of q(z|x) per example [count, S, B, d], or None if q is a Gaussian.

        A Gaussian proposal is fitted to them, unless there is an `own_proposal`.
        """
        return None

    def own_proposal(self, x: Tensor) -> Proposal | None:
        """Return q(z|x) of x [S, B, D] as a proposal if it has a density and is no Gaussian, else None."""
        return None

    def refit(self, data: DataSet, streams: Streams, *, quick: bool) -> None:
        """Bring buffers that are fitted to the trained weights up to date, before samples are shown.

        Called before every snapshot (`quick`: a rough fit will do) and after the last step. What it
        does follows from the weights, the data and `streams` (fresh ones) alone.
        """

    def adopted(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the parameters of another model [S, …] under the names and in the shapes of this one's.

        For families whose parts have other names or more inputs and outputs; the default changes nothing.
        """
        return weights

    def fetch(self, run: RunPaths) -> None:
        """Load what training needs from other runs of the store that `run` lies in; called once before it.

        Raises:
            WorkbenchError: if it is not there, or does not fit.
        """

    def summary(self, data: DataSet, settings: EvaluationSettings, streams: Streams) -> dict[str, Any]:
        """Return the family's own extra metrics of a result, in the form of evaluation/entry.py."""
        return {}

    def health(self, data: DataSet, metrics: dict[str, Any], streams: Streams) -> Metrics:
        """Return numbers [S] of the final state, by name, for checks of "state:<name>" (spec/health.py).

        `metrics` are those of the result. Called once after training, without gradients.
        """
        return {}

    def warnings(self, metrics: dict[str, Any]) -> list[str]:
        """Return sentences for the run's log about its result's `metrics`: what to doubt in it, and why."""
        return []
