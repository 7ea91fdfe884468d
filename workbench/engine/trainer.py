"""The training loop: steps without host syncs, curves, snapshots, checkpoints, divergence, stopping."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from workbench.engine import checkpoint
from workbench.engine.data.dataset import DataSet, Split
from workbench.engine.data.order import Order
from workbench.engine.early_stopping import EarlyStopping
from workbench.engine.model import LatentModel, Metrics
from workbench.engine.optim import rate_factor, set_rates
from workbench.engine.precision import training_precision
from workbench.engine.recorder import Recorder
from workbench.engine.snapshots import take_snapshot
from workbench.engine.streams import Streams
from workbench.spec.schema import RunSpec

# a model and which members have diverged → a point of every estimate's curves
Watch = Callable[[LatentModel, list[bool]], dict[str, list[float]]]
EARLY = (1, 2, 5, 10)  # the first points of a curve, before its regular interval
VALIDATION = 1000  # test examples behind a point of a validation curve; the result judges all
CHECKPOINT_SECONDS = (5.0, 300.0)  # least and most between checkpoints whose interval is ours to choose


@dataclass(frozen=True)
class Cadence:
    """At which steps things happen: set by the spec alone, never by the clock, so that a resume agrees."""

    total: int
    log: int
    validate: int
    snapshot: int
    checkpoint: int

    @classmethod
    def of(cls, spec: RunSpec, train_size: int) -> Cadence:
        """Derive the intervals; 0 in the spec chooses about 200, 20, 12 and 10 a run."""
        training = spec.training
        total = training.iterations or math.ceil((training.epochs or 1) * train_size / training.batch)
        return cls(
            total,
            training.log_every or max(1, total // 200),
            spec.evaluation.every or max(1, total // 20),
            training.snapshot_every or max(1, total // 12),
            training.checkpoint_every or max(1, total // 10),
        )

    def logs(self, step: int) -> bool:
        """Whether a point of the training curves belongs after `step`."""
        return step % self.log == 0 or step == self.total or (step in EARLY and step < self.log)

    def validates(self, step: int) -> bool:
        """Whether the test curves get a point after `step`."""
        return step % self.validate == 0 or step == self.total

    def snapshots(self, step: int) -> bool:
        """Whether samples and latents are written: also after ten steps, for early feedback."""
        return step % self.snapshot == 0 or step == self.total or step == EARLY[-1]


@dataclass(frozen=True)
class Outcome:
    """How training ended: after how many steps and seconds, and the first bad step of each diverged seed."""

    how: Literal["finished", "diverged", "stopped"]
    step: int
    seconds: float
    diverged: dict[int, int]
    best: list[int] | None = None  # with early stopping: the step of each seed's kept state


class Trainer:
    """Trains the S members of one run; `stop` is asked after every step."""

    def __init__(
        self,
        spec: RunSpec,
        model: LatentModel,
        data: DataSet,
        streams: Streams,
        recorder: Recorder,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.spec, self.model, self.data, self.streams = spec, model, data, streams
        self.recorder, self.stop = recorder, stop
        self.watch: Watch | None = None  # makes the points of the estimates' curves
        self.cadence = Cadence.of(spec, data.info.train_size)
        self.order = Order(streams, data.info.train_size, data.index_device)
        self.step, self.seconds = 0, 0.0
        self._names: tuple[str, ...] = ()
        self._sums = torch.zeros(0, dtype=torch.float64, device=streams.device)  # [metrics, S]
        self._count = 0  # steps in `_sums`
        # first step with a non-finite loss per member, 0 for none; on the device, read when logging
        self.first_bad = torch.zeros(len(streams.seeds), dtype=torch.int64, device=streams.device)
        training = spec.training
        self.early: EarlyStopping | None = None
        if training.patience:
            self.early = EarlyStopping(model, training.patience, training.min_delta, streams.device)
        self._started = self._saved = time.monotonic()

    # ---- the loop

    def run(self) -> Outcome:
        """Train to the end, to a stop request (a checkpoint is then written), or until all diverged."""
        self._started = self._saved = time.monotonic()
        while not self.over:
            if not self._estimates_done():
                return self.ended("stopped")
            self.train_step()
            if self.cadence.logs(self.step) and self.log_point():
                return self.ended("diverged")
            if self.cadence.validates(self.step):
                self._aside(self._validate)
            if self.over and self.early is not None:
                self._mark_bad_weights()  # before they are put back
                self.early.finish()
            if self.over or self.cadence.snapshots(self.step):
                self._aside(self._snapshot)
            stopping = self.stop()
            if stopping or self._checkpoint_due():
                self._aside(self.save)
            if stopping and not self.over:
                return self.ended("stopped")
            self.recorder.progress("training", self.step, self.cadence.total, self._clock())
        self._mark_bad_weights()
        bad = self.first_bad.tolist()
        return self.ended("diverged" if all(bad) else "finished")

    @property
    def over(self) -> bool:
        """Whether no step is left: the length is reached, or early stopping has ended every seed."""
        return self.step >= self.cadence.total or (self.early is not None and self.early.over)

    def _estimates_done(self) -> bool:
        """Write a point of the estimates' curves, if one is due after this step; False if a stop came first.

        Checkpoints of this step are older than the point, so a run that resumes from one makes it then. A
        stop leaves a checkpoint without it.
        """
        watch, every = self.watch, self.spec.evaluation.estimates_every
        if watch is None or self.step == 0 or self.step % every:
            return True
        try:
            bad = (self.first_bad > 0).tolist()
            self._aside(lambda: self.row("test", self.seconds, watch(self.model, bad)))
        except BaseException:
            if not self.stop():
                raise
            self._aside(self.save)
            return False
        return True

    def train_step(self) -> None:
        """Update all members once. Nothing in here waits for the device."""
        training = self.spec.training
        if training.schedule != "constant" or training.warmup:
            set_rates(self.model.optimisers.values(), rate_factor(training, self.step, self.cadence.total))
        self.model.updates_done, self.model.updates_planned = self.step, self.cadence.total
        batch = self.data.batch(self.order.next(training.batch), self.streams)
        self.data.prefetch(self.order.upcoming(training.batch))
        with training_precision(training, self.streams.device):
            metrics = self.model.training_step(batch, self.streams)
        if self.model.average is not None:
            self.model.average.update(self.model)
        if self.early is not None:
            self.early.hold()
        self.step += 1
        values = torch.stack(tuple(metrics.values()))
        if self._names:
            self._sums += values
        else:
            self._names, self._sums = tuple(metrics), values.to(torch.float64)
        self._count += 1
        bad = torch.isfinite(metrics["loss"]).logical_not_().logical_and_(self.first_bad == 0)
        self.first_bad.masked_fill_(bad, self.step)

    def repeat_step(self) -> None:
        """Do a step for a replay, with the validation that early stopping decides by."""
        self.train_step()
        if self.early is not None and self.cadence.validates(self.step):
            self._validate()

    # ---- what is written

    def log_point(self) -> bool:
        """Write the means of the steps since the last point; return whether every member has diverged."""
        means = (self._sums / self._count).masked_fill(self.first_bad > 0, math.nan).tolist()
        seconds = self._clock()  # after the read, which waits for the device
        self.row("train", seconds, dict(zip(self._names, means, strict=True)))
        self._names, self._count = (), 0
        return bool((self.first_bad > 0).all())

    def _validate(self) -> None:
        """Write a point of the test curves, and of the held-out ones where early stopping watches them."""
        self.curve_point("test", VALIDATION)
        if self.data.has_validation:
            means = self.curve_point("validation", 0)
            if self.early is not None:
                self.early.update(self.step, means, self.first_bad > 0)

    def curve_point(self, split: Split, limit: int) -> Metrics:
        """Write a point of a split's curves over its first `limit` examples (0: all); return the means [S].

        All points use the same noise, so that only the weights move them.
        """
        streams = self.streams.fork("validation")
        parts: dict[str, list[Tensor]] = {}
        with self.model.averaged():
            for batch in self.data.chunks(split, streams, limit=limit):
                for name, values in self.model.evaluate_batch(batch, streams).items():
                    parts.setdefault(name, []).append(values.detach())
        means = {name: torch.cat(values, 1).double().mean(1) for name, values in parts.items()}
        self.row(split, self.seconds, {name: values.tolist() for name, values in means.items()})
        return means

    def row(self, split: str, seconds: float, values: dict[str, list[float]]) -> None:
        """Write a point of the curves of a split, after this step; nothing where there are no values."""
        if not values:
            return
        epoch = self.step * self.spec.training.batch / self.data.info.train_size
        self.recorder.row(self.step, epoch, seconds, split, values)

    def _snapshot(self) -> None:
        with self.model.averaged():
            self.model.refit(self.data, self.streams.fork("refit"), quick=not self.over)
            take_snapshot(self.recorder, self.step, self.model, self.data, self.streams.fork("snapshot"))

    # ---- time

    def _clock(self) -> float:
        """Return training seconds so far."""
        return self.seconds + time.monotonic() - self._started

    def _aside(self, work: Callable[[], None]) -> None:
        """Do `work` with the training clock stopped."""
        if self.streams.device.type == "cuda":
            torch.cuda.synchronize(self.streams.device)
        self.seconds = self._clock()
        try:
            work()
        finally:
            self._started = time.monotonic()

    def ended(self, how: Literal["finished", "diverged", "stopped"]) -> Outcome:
        """Stop the training clock; return how training ended and what it came to."""
        self.seconds = self._clock()
        self._started = time.monotonic()
        bad = zip(self.spec.seeds, self.first_bad.tolist(), strict=True)
        best = None if self.early is None else self.early.best_step.tolist()
        return Outcome(how, self.step, self.seconds, {seed: step for seed, step in bad if step}, best)

    def _mark_bad_weights(self) -> None:
        """A last update may have spoilt weights that no loss has met yet."""
        for parameter in self.model.parameters():
            bad = torch.isfinite(parameter.detach()).reshape(self.model.members, -1).all(1).logical_not()
            self.first_bad.masked_fill_(bad & (self.first_bad == 0), self.step)

    # ---- checkpoints

    def _checkpoint_due(self) -> bool:
        if self.over:
            return True  # evaluation can fail, and then only evaluation is repeated
        on_beat = self.step % self.cadence.checkpoint == 0
        if self.spec.training.checkpoint_every:
            return on_beat
        least, most = CHECKPOINT_SECONDS
        age = time.monotonic() - self._saved
        return age > most or (on_beat and age > least)

    def save(self) -> None:
        """Write a checkpoint of this very step, unless every member has diverged.

        That one would lead nowhere, and push out those that a replay of the divergence can start from.
        """
        if bool((self.first_bad > 0).all()):
            return
        self.recorder.flush()
        checkpoint.save(self.recorder.paths, self.step, self.state_dict(), self.recorder.size)
        self._saved = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "optimisers": {name: o.state_dict() for name, o in self.model.optimisers.items()},
            "streams": self.streams.state_dict(),
            "order": self.order.state_dict(),
            "names": list(self._names),
            "sums": self._sums,
            "count": self._count,
            "first_bad": self.first_bad,
            "early": None if self.early is None else self.early.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken, bit for bit."""
        self.step, self.seconds = state["step"], state["seconds"]
        self.model.load_state_dict(state["model"])
        for name, optimiser in self.model.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.streams.load_state_dict(state["streams"])
        self.order.load_state_dict(state["order"])
        self._names, self._count = tuple(state["names"]), state["count"]
        self._sums = state["sums"].to(self.streams.device)
        self.first_bad = state["first_bad"].to(self.streams.device)
        if self.early is not None:
            self.early.load_state_dict(state["early"])
