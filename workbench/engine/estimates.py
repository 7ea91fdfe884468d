"""Estimates of a trained model: one made by `evaluate`, or those that a spec asks for.

A run draws curves of its estimates while it trains, and writes files when training is over. Neither touches
training: a copy of the model is measured, with random streams of each estimate's own. A failed estimate is
logged and left out; the run and its result do not depend on it.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

from torch import Tensor

from workbench.engine import checkpoint
from workbench.engine.data import DataSet, load
from workbench.engine.environment import code_version
from workbench.engine.evaluation.entry import mask_diverged
from workbench.engine.evaluation.examples import example_arrays, packed
from workbench.engine.evaluation.kept import Kept
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.model import LatentModel
from workbench.engine.process import Stop, StopRequested, first_line, log, out_of_memory, user_variables
from workbench.engine.setup import DTYPES, build_model, choose_device, describe
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.errors import STORE, WorkbenchError
from workbench.settings import user_settings
from workbench.spec.estimates import EstimateSettings, planned
from workbench.spec.metrics import metric as metric_named
from workbench.spec.schema import RunSpec
from workbench.store.evaluations import read_evaluation
from workbench.store.files import write_atomic, write_json
from workbench.store.json_fields import read_table
from workbench.store.paths import RunPaths
from workbench.text import format_duration

PROGRESS_SECONDS = 5.0  # between two lines of progress
FORESEEN = 0.02  # share done from which on the time left is no wild guess
TRIES = 2  # workers that may be killed over one estimate, for lack of memory perhaps
BROKEN_OFF = "No value yet: it is being measured, or the worker was killed over it."


class Subject:
    """A run's model as an estimate sees it: in the estimate's precision, without gradients, a copy."""

    def __init__(self, paths: RunPaths, spec: RunSpec, precision: str, data: DataSet | None = None) -> None:
        self.run, self.device = paths, choose_device(spec.resources.device)
        if data is None or data.dtype != DTYPES[precision]:
            user = user_settings(user_variables(paths))
            data = load(spec.data, user.data_dir, user.download, device=self.device, dtype=DTYPES[precision])
        self.data = data
        self.streams = Streams(spec.seeds, data.device, data.dtype)
        self.model = build_model(spec, data.info, self.streams)

    def take(self, state: dict[str, Tensor]) -> None:
        """Become a copy of the model whose `state_dict` this is.

        Raises:
            WorkbenchError: if it is of another model.
        """
        try:
            self.model.load_state_dict(state)
        except RuntimeError:
            raise WorkbenchError(
                f"The checkpoint of {self.run.id} does not fit its model: it was written by another version.",
                "Train the run again with this one.",
            ) from None
        self.model.exchange_weights()  # what is measured are averaged weights, where there are some
        self.model.requires_grad_(False)  # gradients are with respect to latents here

    def measure(
        self,
        metric: str,
        settings: EstimateSettings,
        bad: list[bool],
        on_progress: Callable[[float], None],
        kept: Kept | None = None,
        *,
        errors: bool = True,
    ) -> Findings:
        """Return what is found, with streams of the metric's own; a diverged (`bad`) member has no values.

        Standard errors that take long are left out unless `errors` are wanted.

        Raises:
            WorkbenchError: if the estimate makes no sense for this model or data.
        """
        streams = self.streams.fork(f"estimate/{metric}")
        task = Task(self.model, self.data, settings, streams, on_progress, kept or Kept(), self.run, errors)
        findings: Findings = resolve_name(type(settings).measure)(task)
        mask_diverged(findings.metrics, bad)
        return findings


def measure(
    paths: RunPaths,
    spec: RunSpec,
    metric: str,
    settings: EstimateSettings,
    name: str,
    data: DataSet | None = None,
) -> None:
    """Measure the run's newest checkpoint, and write `evaluations/<name>.json`, whole or not at all.

    `data` are the run's if they are there already. Progress goes to standard error.

    Raises:
        WorkbenchError: if there is no checkpoint, or the metric makes no sense for this model or data.
    """
    found = checkpoint.load_newest(paths, log)
    if found is None:
        raise WorkbenchError(
            f"Run {paths.id} has no checkpoint to evaluate.", "Train it again, and evaluate it then."
        )
    if data is None:
        log(f"loading data: {spec.data.name}")
    subject = Subject(paths, spec, settings.precision, data)
    subject.take(found.state["model"])
    started = time.monotonic()
    log(f"{metric}: step {found.step}, {len(spec.seeds)} seeds on {describe(subject.device)}")
    bad = [bool(step) for step in found.state["first_bad"].tolist()]
    # what the parts of an interrupted attempt must have in common with those of this one
    commit = code_version()
    same = json.dumps([metric, found.step, list(spec.seeds), settings.model_dump(mode="json"), commit])
    kept = Kept(paths.evaluations / f".{name}.partial", same)
    findings = subject.measure(metric, settings, bad, _progress_logger(metric), kept)
    seconds = time.monotonic() - started
    body = outline(spec, metric, settings, name, found.step) | {
        "metrics": findings.metrics,
        "units": {key: metric_named(key).unit for key in findings.metrics},
        "notes": findings.notes,
        "seconds": round(seconds, 3),
        "device": describe(subject.device),
        "commit": commit,
        **({"health": findings.health} if findings.health else {}),
    }
    paths.evaluations.mkdir(mode=0o700, exist_ok=True)
    arrays = findings.arrays | example_arrays(subject.data, findings.metrics)
    if arrays:  # first, as the JSON names them
        write_atomic(paths.evaluations / f"{name}.npz", packed(arrays))
        body["arrays"] = f"{name}.npz"
    write_json(paths.evaluations / f"{name}.json", body)
    os.utime(
        paths.root
    )  # lists read a run again if its folder changed: verdicts and estimates are shown there
    kept.remove()
    log(f"{metric}: done in {seconds:.1f} s")


def outline(spec: RunSpec, metric: str, settings: EstimateSettings, name: str, step: int) -> dict[str, Any]:
    """Return the file of a measurement that has found nothing yet."""
    return {
        "schema": 1,
        "name": name,
        "metric": metric,
        "settings": settings.model_dump(mode="json"),
        "seeds": list(spec.seeds),
        "step": step,
        "metrics": {},
        "units": {},
        "notes": [],
        "arrays": None,
        "seconds": 0.0,
        "finished": time.time(),
        "device": "",
        "commit": None,
    }


def _progress_logger(metric: str) -> Callable[[float], None]:
    """Return a callback for the share done: logs a line every few seconds, with the time left."""
    started = time.monotonic()
    shown, first = started, -1.0

    def on_progress(share: float) -> None:
        nonlocal shown, first
        now = time.monotonic()
        if first < 0:
            first = share  # not 0 where an interrupted measurement continues
        if now - shown < PROGRESS_SECONDS or share >= 1:
            return
        shown = now
        left = (now - started) * (1 - share) / max(share - first, 1e-9)
        remaining = f", about {format_duration(left)} left" if share - first >= FORESEEN else ""
        log(f"{metric}: {share:.0%}{remaining}")

    return on_progress


class EstimateCurves:
    """Makes the points of the curves: every estimate of the model as it is, with the same noise each time."""

    def __init__(self, paths: RunPaths, spec: RunSpec, data: DataSet, stop: Stop | None = None) -> None:
        self.paths, self.spec, self.data, self.stop = paths, spec, data, stop
        asked = planned(spec.evaluation.estimates)
        self.asked = {metric: settings for metric, settings in asked.items() if settings.curves}
        self._subjects: dict[str, Subject] = {}  # by precision; made when first needed

    def __call__(self, model: LatentModel, bad: list[bool]) -> dict[str, list[float]]:
        """Return the values per member of every number found; NaN for members that have diverged (`bad`).

        A stop that is asked for meanwhile interrupts it at once: nothing of training is in hand here.
        """
        if self.stop is None:
            return self._values(model, bad)
        self.stop.patient = False
        try:
            if self.stop.requested:  # it came just before
                raise StopRequested
            return self._values(model, bad)
        finally:
            self.stop.patient = True

    def _values(self, model: LatentModel, bad: list[bool]) -> dict[str, list[float]]:
        values: dict[str, list[float]] = {}
        for metric, settings in list(self.asked.items()):
            try:
                if settings.precision not in self._subjects:
                    subject = Subject(self.paths, self.spec, settings.precision, self.data)
                    self._subjects[settings.precision] = subject
                subject = self._subjects[settings.precision]
                subject.take(model.state_dict())
                subject.model.refit(subject.data, subject.streams.fork("refit"), quick=True)
                found = subject.measure(metric, settings, bad, lambda share: None, errors=False).metrics
            except Exception as problem:
                log(f"no curve of {metric}: {_why(problem)}")
                del self.asked[metric]
                continue
            for name, entry in found.items():
                values[name] = [math.nan if value is None else value for value in entry["values"]]
        return values


def measure_all(trainer: Trainer) -> None:
    """Measure the last checkpoint, and end the curves with what was found.

    What an earlier attempt has measured is not measured again. An interruption leaves the finished ones.
    """
    spec, paths = trainer.spec, trainer.recorder.paths
    for metric, settings in planned(spec.evaluation.estimates).items():
        _measure(paths, spec, metric, settings, trainer)
        found = read_evaluation(paths, metric)
        if found is not None and settings.curves and spec.evaluation.estimates_every:
            entries = found.metrics.items()
            values = {name: [math.nan if v is None else v for v in entry.values] for name, entry in entries}
            trainer.row("test", trainer.seconds, values)


def _measure(
    paths: RunPaths, spec: RunSpec, metric: str, settings: EstimateSettings, trainer: Trainer
) -> None:
    """Write evaluations/<metric>.json: what was found, or why nothing was."""
    body = outline(spec, metric, settings, metric, trainer.step)
    path = paths.evaluations / f"{metric}.json"
    before = read_table(path)
    tries = 0
    if all(before.get(key) == body[key] for key in ("step", "settings", "seeds")):
        tries = before.get("tries", TRIES)  # a whole one counts no tries
    if not isinstance(tries, int) or tries >= TRIES:
        return
    paths.evaluations.mkdir(mode=0o700, exist_ok=True)
    try:
        write_json(path, body | {"notes": [BROKEN_OFF], "tries": tries + 1})
        measure(paths, spec, metric, settings, metric, trainer.data)
    except Exception as problem:
        if isinstance(problem, WorkbenchError) and problem.exit_code == STORE:
            raise  # a full disk: the result cannot be written either
        why = _why(problem)
        log(f"{metric} was not measured: {why}")
        write_json(path, body | {"notes": [f"Not measured: {why}"], "tries": TRIES})
    except BaseException:  # a stop: the next attempt continues with the finished parts
        path.unlink(missing_ok=True)
        raise


def _why(problem: Exception) -> str:
    if out_of_memory(problem):
        return f"Out of memory: {first_line(problem)} Use fewer examples or chains."
    if isinstance(problem, WorkbenchError):
        return str(problem)
    return f"{type(problem).__name__}: {first_line(problem)}"
