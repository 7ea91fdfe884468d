"""An estimate of a trained model, made and written: what `evaluate` and a run's own estimates share."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from workbench.engine import checkpoint
from workbench.engine.data import DataSet, load
from workbench.engine.environment import code_version
from workbench.engine.evaluation.jobs import Findings, Task, job
from workbench.engine.session import DTYPES, build_model, choose_device, describe, forget
from workbench.engine.streams import Streams
from workbench.engine.worker import say, user_variables
from workbench.errors import WorkbenchError
from workbench.settings import user_settings
from workbench.spec.estimates import EstimateSettings
from workbench.spec.metrics import metric as metric_named
from workbench.spec.schema import RunSpec
from workbench.store.files import write_atomic, write_json
from workbench.store.paths import RunPaths

PROGRESS_SECONDS = 5.0  # between two lines of progress
FORESEEN = 0.02  # share done from which on the time left is no wild guess


class Subject:
    """A run's model as an estimate sees it: in the estimate's precision, without gradients, a copy."""

    def __init__(self, paths: RunPaths, spec: RunSpec, precision: str, data: DataSet | None = None) -> None:
        self.run, self.device = paths.id, choose_device(spec.resources.device)
        if data is None or data.dtype != DTYPES[precision]:
            user = user_settings(user_variables(paths))
            data = load(spec.data, user.data_dir, user.download, device=self.device, dtype=DTYPES[precision])
        self.data = data
        self.streams = Streams(spec.seeds, data.device, data.dtype)
        self.model = build_model(spec, data, self.streams)

    def take(self, state: dict[str, Tensor]) -> None:
        """Become a copy of the model whose `state_dict` this is."""
        try:
            self.model.load_state_dict(state)
        except RuntimeError:
            raise WorkbenchError(
                f"The checkpoint of {self.run} does not fit its model: it was written by another version.",
                "Train the run again with this one.",
            ) from None
        self.model.requires_grad_(False)  # gradients are with respect to latents here

    def measure(
        self, metric: str, settings: EstimateSettings, bad: list[bool], tell: Callable[[float], None]
    ) -> Findings:
        """Return what is found, with streams of the metric's own; a diverged (`bad`) member has no values."""
        task = Task(self.model, self.data, settings, self.streams.fork(f"estimate/{metric}"), tell)
        findings = job(metric)(task)
        forget(findings.metrics, bad)
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
    found = checkpoint.load_newest(paths, say)
    if found is None:
        raise WorkbenchError(
            f"Run {paths.id} has no checkpoint to evaluate.", "Train it again, and evaluate it then."
        )
    if data is None:
        say(f"loading data: {spec.data.name}")
    subject = Subject(paths, spec, settings.precision, data)
    subject.take(found.state["model"])
    started = time.monotonic()
    say(f"{metric}: step {found.step}, {len(spec.seeds)} seeds on {describe(subject.device)}")
    bad = [bool(step) for step in found.state["first_bad"].tolist()]
    findings = subject.measure(metric, settings, bad, _teller(metric))
    seconds = time.monotonic() - started
    body = outline(spec, metric, settings, name, found.step) | {
        "metrics": findings.metrics,
        "units": {key: metric_named(key).unit for key in findings.metrics},
        "notes": findings.notes,
        "seconds": round(seconds, 3),
        "device": describe(subject.device),
        "commit": code_version(),
    }
    _write(paths, name, body, findings)
    say(f"{metric}: done in {seconds:.1f} s")


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


def _write(paths: RunPaths, name: str, body: dict[str, Any], findings: Findings) -> None:
    """Write the arrays, then the JSON that names them."""
    paths.evaluations.mkdir(mode=0o700, exist_ok=True)
    if findings.arrays:
        packed = io.BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **findings.arrays)
        write_atomic(paths.evaluations / f"{name}.npz", packed.getvalue())
        body["arrays"] = f"{name}.npz"
    write_json(paths.evaluations / f"{name}.json", body)


def _teller(metric: str) -> Callable[[float], None]:
    """Return what a measurement tells its progress to: a line every few seconds, with the time left."""
    started = time.monotonic()
    shown = started

    def tell(share: float) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < PROGRESS_SECONDS or share >= 1:
            return
        shown = now
        left = (now - started) * (1 - share) / max(share, 1e-9)
        told = f", about {int(left) // 60}m {int(left) % 60:02d}s left" if share >= FORESEEN else ""
        say(f"{metric}: {share:.0%}{told}")

    return tell
