"""The part of an attempt that needs torch: device, data, model, training, evaluation, result."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch

from workbench.engine import checkpoint
from workbench.engine.data import DataSet, load
from workbench.engine.models.contract import LatentModel
from workbench.engine.recorder import Recorder
from workbench.engine.streams import Streams
from workbench.engine.trainer import Outcome, Trainer
from workbench.errors import DEVICE, WorkbenchError
from workbench.settings import user_settings
from workbench.spec.schema import RunSpec
from workbench.store.paths import RunPaths

if TYPE_CHECKING:
    from workbench.engine.worker import Stop

DTYPES = {"float32": torch.float32, "float64": torch.float64}
STOPPED = 76


def train(paths: RunPaths, spec: RunSpec, recorder: Recorder, stop: Stop, say: Callable[[str], None]) -> int:
    """Do the whole attempt and return the worker's exit code."""
    from workbench.engine.worker import commit, record_environment, user_variables

    torch.set_num_threads(spec.resources.threads)
    torch.set_flush_denormal(True)  # Adam's moments of dead inputs decay into numbers 100 times slower
    device = choose_device(spec.resources.device)
    noting = threading.Thread(target=record_environment, args=(paths, spec.seeds, describe(device)))
    noting.start()  # git and the package list take a moment; training need not wait
    recorder.progress("loading data")
    say(f"loading data: {spec.data.name}")
    user = user_settings(user_variables(paths))
    data = load(spec.data, user.data_dir, user.download, device=device, dtype=DTYPES[spec.training.precision])
    recorder.progress("building")
    say(f"building: {spec.model.kind}, {len(spec.seeds)} seeds on {describe(device)}")
    trainer = prepare(spec, data, recorder, stop, say)
    stop.patient = True
    say(f"training: step {trainer.step} of {trainer.cadence.total}")
    outcome = trainer.run()
    noting.join()
    if outcome.how == "stopped":
        say(f"Stopped on request at step {outcome.step}; checkpoint written.")
        return STOPPED
    if outcome.best is not None:
        kept = ", ".join(f"seed {seed}: {step}" for seed, step in zip(spec.seeds, outcome.best, strict=True))
        say(f"states kept by early stopping are of these steps: {kept}")
    stop.patient = False  # training is safe in its last checkpoint
    if stop.requested and outcome.how == "finished":
        say("Stopped on request before the evaluation; checkpoint written.")
        return STOPPED
    metrics: dict[str, Any] = {}
    if outcome.how == "finished":
        recorder.progress("evaluating", outcome.step, trainer.cadence.total, outcome.seconds)
        say("evaluating")
        metrics = evaluate(trainer.model, data, spec, outcome)
        for remark in trainer.model.remarks(metrics):
            say(remark)
        if spec.evaluation.estimates:
            from workbench.engine.planned import measure_all

            measure_all(trainer, say)
    stop.patient = True
    first = ""
    if outcome.how == "diverged":
        say("every seed has diverged; repeating the last steps to find what went first")
        first = find_first(paths, spec, data, outcome, stop, say)
    recorder.close()
    commit(paths, result(spec, outcome, metrics, describe(device), first))
    recorder.progress("done", outcome.step, trainer.cadence.total, outcome.seconds)
    say(f"{outcome.how} after {outcome.step} steps, {outcome.seconds:.1f} s of training")
    return 0


def prepare(
    spec: RunSpec,
    data: DataSet,
    recorder: Recorder,
    stop: Stop | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Trainer:
    """Build the model and its trainer, at the newest usable checkpoint or at the very start."""
    streams = Streams(spec.seeds, data.device, data.dtype)
    model = build_model(spec, data, streams)
    model.fetch(recorder.paths)
    asked = (lambda: False) if stop is None else (lambda: stop.requested)
    trainer = Trainer(spec, model, data, streams, recorder, asked)
    if spec.evaluation.estimates_every:
        from workbench.engine.planned import Watch

        trainer.watch = Watch(recorder.paths, spec, data, say, stop)
    found = checkpoint.load_newest(recorder.paths, say)
    if found is not None:
        trainer.load_state_dict(found.state)
        say(f"resuming from the checkpoint of step {found.step}")
    recorder.open(found.metrics_bytes if found is not None else 0)
    return trainer


def build_model(spec: RunSpec, data: DataSet, streams: Streams) -> LatentModel:
    """Return the model of the spec's family, its weights drawn from the stream "init"."""
    family = import_module(type(spec.model).engine)
    model: LatentModel = family.build(spec.model, spec.training, data.info, streams)
    return model


def evaluate(model: LatentModel, data: DataSet, spec: RunSpec, outcome: Outcome) -> dict[str, Any]:
    """Return the result's metrics; a diverged seed has null everywhere."""
    from workbench.engine.evaluation.summary import summarise

    streams = Streams(spec.seeds, data.device, data.dtype)
    metrics = summarise(model, data, spec.evaluation, streams)
    if outcome.best is not None:
        metrics["best_step"] = {"values": [float(step) for step in outcome.best], "se": None, "n": 1}
    forget(metrics, [seed in outcome.diverged for seed in spec.seeds])
    seconds = [outcome.seconds] * len(spec.seeds)  # the seeds of a run train together
    metrics["training_seconds"] = {"values": seconds, "se": None, "n": 1}
    return metrics


def forget(metrics: dict[str, Any], bad: list[bool]) -> None:
    """What a diverged (`bad`) seed was left with is no measurement: null in every entry."""
    for entry in metrics.values():
        for position, diverged in enumerate(bad):
            if diverged:
                entry["values"][position] = None
                if entry["se"] is not None:
                    entry["se"][position] = None


def find_first(
    paths: RunPaths,
    spec: RunSpec,
    data: DataSet,
    outcome: Outcome,
    stop: Stop,
    say: Callable[[str], None] = lambda text: None,
) -> str:
    """Return the tensor that went first, in words; empty if a replay cannot tell, which is no failure."""
    from workbench.engine.divergence import first_bad_tensor

    try:
        found = first_bad_tensor(paths, spec, data, outcome.diverged, lambda: stop.requested)
    except Exception as problem:  # the result of the run is worth more than this
        say(f"The replay failed ({type(problem).__name__}: {problem}).")
        return ""
    say(f"not finite first of all: {found}" if found else "The replay did not find what went first.")
    return found


def result(
    spec: RunSpec, outcome: Outcome, metrics: dict[str, Any], device: str, first: str = ""
) -> dict[str, Any]:
    """Return the content of result.json; `first` is the tensor that went first in a diverged run."""
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
        "metrics": metrics,
    }


def choose_device(wanted: str) -> torch.device:
    """Return the device to train on.

    The scheduler may have chosen (`WORKBENCH_DEVICE`: cpu, or cuda:N as this process numbers them). A GPU
    that was asked for and is not here is a WorkbenchError: never a silent fallback.
    """
    name = os.environ.get("WORKBENCH_DEVICE") or wanted
    if name == "auto":
        name = "cuda:0" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    count = torch.cuda.device_count() if device.type == "cuda" and torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise WorkbenchError(
            f"{name} is not here: torch sees {count} GPUs.",
            "Set resources.device to cpu or auto, or run on a machine with that GPU.",
            DEVICE,
        )
    return device


def describe(device: torch.device) -> str:
    """Return the device's name for people: cpu, or cuda:0 with the model of the GPU."""
    if device.type != "cuda":
        return str(device)
    return f"{device} ({torch.cuda.get_device_name(device)})"
