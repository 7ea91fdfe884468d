"""The part of an attempt that needs torch: device, data, model, training, evaluation, result."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pkgutil import resolve_name
from typing import Any

from workbench.engine import checkpoint
from workbench.engine.data import DataSet, load
from workbench.engine.divergence import first_bad_tensor
from workbench.engine.environment import capture
from workbench.engine.estimates import EstimateCurves, measure_all
from workbench.engine.evaluation.entry import mask_diverged
from workbench.engine.evaluation.examples import example_arrays, packed
from workbench.engine.evaluation.summary import doubts, summarise
from workbench.engine.health import diverged_entry, health
from workbench.engine.memory import enough_memory
from workbench.engine.model import LatentModel
from workbench.engine.pretrained import start_from
from workbench.engine.process import Stop, log, user_variables
from workbench.engine.recorder import Recorder
from workbench.engine.setup import DTYPES, build_model, choose_device, configure_torch, describe
from workbench.engine.streams import Streams
from workbench.engine.trainer import Outcome, Trainer
from workbench.engine.usage import UsageRecord
from workbench.exit_codes import WorkerExit
from workbench.settings import user_settings
from workbench.spec.data import source_of
from workbench.spec.health import health_reasons
from workbench.spec.schema import RunSpec
from workbench.store.evaluations import read_health
from workbench.store.files import create_json, write_atomic, write_json
from workbench.store.paths import RunPaths


def train(paths: RunPaths, spec: RunSpec, recorder: Recorder, stop: Stop) -> int:
    """Do the whole attempt and return the worker's exit code."""
    configure_torch(spec)
    device = choose_device(spec.resources.device)
    if recorder.attempt is not None:
        recorder.usage = UsageRecord(recorder.attempt, device)
    noting = threading.Thread(target=record_environment, args=(paths, spec, describe(device)))
    noting.start()  # git and the package list take a moment; training need not wait
    recorder.progress("loading data")
    log(f"loading data: {spec.data.path or spec.data.name}")
    user = user_settings(user_variables(paths))
    data = load(spec.data, user.data_dir, user.download, device=device, dtype=DTYPES[spec.training.precision])
    for file in data.skipped:
        log(f"left out of the data: {file}")
    log(enough_memory(spec, data))
    recorder.progress("building")
    log(f"building: {spec.model.kind}, {len(spec.seeds)} seeds on {describe(device)}")
    trainer = prepare(spec, data, recorder, stop)
    stop.patient = True
    log(f"training: step {trainer.step} of {trainer.cadence.total}")
    outcome = trainer.run()
    noting.join()
    if outcome.how == "stopped":
        log(f"Stopped on request at step {outcome.step}; checkpoint written.")
        return WorkerExit.STOPPED
    if outcome.best is not None:
        kept = ", ".join(f"seed {seed}: {step}" for seed, step in zip(spec.seeds, outcome.best, strict=True))
        log(f"states kept by early stopping are of these steps: {kept}")
    stop.patient = False  # training is safe in its last checkpoint
    if stop.requested and outcome.how == "finished":
        log("Stopped on request before the evaluation; checkpoint written.")
        return WorkerExit.STOPPED
    metrics: dict[str, Any] = {}
    found: list[dict[str, Any]] = []
    if outcome.how == "finished":
        recorder.progress("evaluating", outcome.step, trainer.cadence.total, outcome.seconds)
        log("evaluating")
        with trainer.model.averaged():
            metrics = evaluate(trainer.model, data, spec, outcome)
        if arrays := example_arrays(data, metrics):
            write_atomic(paths.examples, packed(arrays))
        for warning in [*doubts(metrics, spec.evaluation), *trainer.model.warnings(metrics)]:
            log(warning)
        if spec.evaluation.estimates:
            measure_all(trainer)
        with trainer.model.averaged():
            found = judge(trainer, metrics, outcome)
    if data.streamed and (check := source_of(spec.data).check):
        resolve_name(check)(spec.data, user.data_dir)  # files were read until now, and may have changed
    stop.patient = True
    first = ""
    if outcome.how == "diverged":
        log("every seed has diverged; repeating the last steps to find the first non-finite tensor")
        found = [diverged_entry(step) for step in outcome.diverged.values()]
        first = find_first(paths, spec, data, outcome, stop)
    recorder.close()
    content = result(spec, outcome, metrics, describe(device), first, found)
    commit(paths, content | own_data(spec, data))
    recorder.progress("done", outcome.step, trainer.cadence.total, outcome.seconds)
    log(f"{outcome.how} after {outcome.step} steps, {outcome.seconds:.1f} s of training")
    return WorkerExit.DONE


def prepare(
    spec: RunSpec,
    data: DataSet,
    recorder: Recorder,
    stop: Stop | None = None,
) -> Trainer:
    """Build the model and its trainer, at the newest usable checkpoint or at the very start."""
    streams = Streams(spec.seeds, data.device, data.dtype)
    model = build_model(spec, data.info, streams)
    model.fetch(recorder.paths)
    found = checkpoint.load_newest(recorder.paths, log)
    if found is None:
        start_from(model, spec, recorder.paths)
    asked = (lambda: False) if stop is None else (lambda: stop.requested)
    trainer = Trainer(spec, model, data, streams, recorder, asked)
    if spec.evaluation.estimates_every:
        trainer.watch = EstimateCurves(recorder.paths, spec, data, stop)
    if found is not None:
        trainer.load_state_dict(found.state)
        log(f"resuming from the checkpoint of step {found.step}")
    recorder.open(found.metrics_bytes if found is not None else 0)
    return trainer


def evaluate(model: LatentModel, data: DataSet, spec: RunSpec, outcome: Outcome) -> dict[str, Any]:
    """Return the result's metrics; a diverged seed has null everywhere."""
    streams = Streams(spec.seeds, data.device, data.dtype)
    metrics = summarise(model, data, spec.evaluation, streams)
    if outcome.best is not None:
        metrics["best_step"] = {"values": [float(step) for step in outcome.best], "se": None, "n": 1}
    mask_diverged(metrics, [seed in outcome.diverged for seed in spec.seeds])
    seconds = [outcome.seconds] * len(spec.seeds)  # the seeds of a run train together
    metrics["training_seconds"] = {"values": seconds, "se": None, "n": 1}
    return metrics


def judge(trainer: Trainer, metrics: dict[str, Any], outcome: Outcome) -> list[dict[str, Any]]:
    """Return the verdict on each seed, for the result; empty if a check could not be made."""
    trainer.recorder.flush()
    seeds, paths = trainer.spec.seeds, trainer.recorder.paths
    streams = Streams(seeds, trainer.data.device, trainer.data.dtype).fork("health")
    try:
        found = health(paths, trainer.model, trainer.data, metrics, seeds, outcome.diverged, streams)
    except Exception as problem:  # the result of the run is worth more than this
        log(f"Health was not judged ({type(problem).__name__}: {problem}).")
        return []
    for sentence in health_reasons(seeds, read_health(found)):
        log(sentence)
    return found


def find_first(
    paths: RunPaths,
    spec: RunSpec,
    data: DataSet,
    outcome: Outcome,
    stop: Stop,
) -> str:
    """Return the name of the first non-finite tensor; empty if a replay does not find it: no failure."""
    try:
        found = first_bad_tensor(paths, spec, data, outcome.diverged, lambda: stop.requested)
    except Exception as problem:  # the result of the run is worth more than this
        log(f"The replay failed ({type(problem).__name__}: {problem}).")
        return ""
    log(f"first non-finite tensor: {found}" if found else "The replay did not find the first one.")
    return found


def result(
    spec: RunSpec,
    outcome: Outcome,
    metrics: dict[str, Any],
    device: str,
    first: str = "",
    verdicts: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return the content of result.json; `first` is the first non-finite tensor of a diverged run."""
    return {
        "schema": 1,
        "outcome": outcome.how,
        "seeds": list(spec.seeds),
        "step": outcome.step,
        "seconds": outcome.seconds,
        "finished": time.time(),
        "device": device,
        "diverged": {str(seed): step for seed, step in outcome.diverged.items()},
        **({"diverged_tensor": first} if first else {}),
        **({"health": list(verdicts)} if verdicts else {}),
        "metrics": metrics,
    }


def own_data(spec: RunSpec, data: DataSet) -> dict[str, Any]:
    """Return the part of result.json about own data: name, path, hash, and files left out."""
    if not spec.data.path:
        return {}
    named = {key: getattr(spec.data, key) for key in ("name", "path", "hash")}
    return {"data": {**named, "skipped": list(data.skipped)}}


def commit(paths: RunPaths, result: dict[str, Any]) -> None:
    """Create result.json: from here on the run is over."""
    if not create_json(paths.result, result):
        log("Another attempt has written the result already.")


def record_environment(paths: RunPaths, spec: RunSpec, device: str) -> None:
    """Write environment.json, once per run."""
    try:
        if not paths.environment.exists():
            found = capture(spec.seeds, device)
            if spec.data.path:
                found["data"] = {"path": spec.data.path, "hash": spec.data.hash}
            write_json(paths.environment, found)
    except OSError as problem:  # in a thread of its own: training continues, and will meet a full disk itself
        log(f"The environment could not be recorded ({problem}).")
