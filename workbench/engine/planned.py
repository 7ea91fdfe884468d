"""The estimates that a spec asks for: curves of them while the run trains, and files when training is over.

Neither touches training: a copy of the model is measured, with random streams of each estimate's own.
One that fails is told and left out; the run and its result do not depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.engine.data import DataSet
from workbench.engine.measuring import Subject, measure, outline
from workbench.engine.models.contract import LatentModel
from workbench.engine.trainer import Trainer
from workbench.engine.worker import StopRequested, first_line, out_of_memory
from workbench.errors import STORE, WorkbenchError
from workbench.spec.estimates import EstimateSettings, planned
from workbench.spec.schema import RunSpec
from workbench.store.evaluations import read_evaluation
from workbench.store.files import read_json, write_json
from workbench.store.paths import RunPaths

if TYPE_CHECKING:
    from workbench.engine.worker import Stop

TRIES = 2  # workers that may be killed over one estimate, for lack of memory perhaps
BROKEN_OFF = "No value yet: it is being measured, or the worker was killed over it."

Say = Callable[[str], None]


class Watch:
    """Makes the points of the curves: every estimate of the model as it is, with the same noise each time."""

    def __init__(
        self, paths: RunPaths, spec: RunSpec, data: DataSet, say: Say, stop: Stop | None = None
    ) -> None:
        self.paths, self.spec, self.data, self.say, self.stop = paths, spec, data, say, stop
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
                subject = self._subject(settings)
                subject.take(model.state_dict())
                subject.model.refit(subject.data, subject.streams.fork("refit"), quick=True)
                found = subject.measure(metric, settings, bad, lambda share: None).metrics
            except Exception as problem:
                self.say(f"no curve of {metric}: {_why(problem)}")
                del self.asked[metric]
                continue
            for name, entry in found.items():
                values[name] = [math.nan if value is None else value for value in entry["values"]]
        return values

    def _subject(self, settings: EstimateSettings) -> Subject:
        precision = settings.precision
        if precision not in self._subjects:
            self._subjects[precision] = Subject(self.paths, self.spec, precision, self.data)
        return self._subjects[precision]


def measure_all(trainer: Trainer, say: Say) -> None:
    """Measure the last checkpoint, and end the curves with what was found.

    What an earlier attempt has measured is not measured again. An interruption leaves the finished ones.
    """
    spec, paths = trainer.spec, trainer.recorder.paths
    for metric, settings in planned(spec.evaluation.estimates).items():
        _measure(paths, spec, metric, settings, trainer, say)
        found = read_evaluation(paths, metric)
        if found is not None and settings.curves and spec.evaluation.estimates_every:
            entries = found.metrics.items()
            values = {name: [math.nan if v is None else v for v in entry.values] for name, entry in entries}
            trainer.row("test", trainer.seconds, values)


def _measure(
    paths: RunPaths, spec: RunSpec, metric: str, settings: EstimateSettings, trainer: Trainer, say: Say
) -> None:
    """Write evaluations/<metric>.json: what was found, or why nothing was."""
    body = outline(spec, metric, settings, metric, trainer.step)
    path = paths.evaluations / f"{metric}.json"
    before = read_json(path)
    tries = 0
    if isinstance(before, dict) and all(
        before.get(key) == body[key] for key in ("step", "settings", "seeds")
    ):
        tries = before.get("tries", TRIES)  # a whole one counts no tries
    if not isinstance(tries, int) or tries >= TRIES:
        return
    paths.evaluations.mkdir(mode=0o700, exist_ok=True)
    write_json(path, body | {"notes": [BROKEN_OFF], "tries": tries + 1})
    try:
        measure(paths, spec, metric, settings, metric, trainer.data)
    except Exception as problem:
        if isinstance(problem, WorkbenchError) and problem.exit_code == STORE:
            raise  # a full disk: the result cannot be written either
        why = _why(problem)
        say(f"{metric} was not measured: {why}")
        write_json(path, body | {"notes": [f"Not measured: {why}"], "tries": TRIES})
    except BaseException:  # a stop: the next attempt begins anew
        path.unlink(missing_ok=True)
        raise


def _why(problem: Exception) -> str:
    if out_of_memory(problem):
        return f"Out of memory: {first_line(problem)} Use fewer examples or chains."
    if isinstance(problem, WorkbenchError):
        return str(problem)
    return f"{type(problem).__name__}: {first_line(problem)}"
