"""One measurement on a run after its end, as a process.

    python -m workbench.engine.evaluate RUN_FOLDER METRIC SETTINGS [NAME]

SETTINGS is a JSON object of the metric's settings (workbench/spec/estimates.py). Reads the newest
checkpoint and writes `evaluations/NAME.json` (and `.npz` where there are arrays), whole or not at all; NAME
is the metric unless given. Nothing else of the run is touched. Progress goes to standard error; a
last line "error: …" says why a measurement failed. Exit codes are the worker's (docs/store.md).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.engine.worker import (
    BAD_INPUT,
    CANNOT_WRITE,
    DONE,
    NO_DEVICE,
    OUT_OF_MEMORY,
    first_line,
    out_of_memory,
    read_spec,
    say,
    user_variables,
)
from workbench.errors import DEVICE, STORE, WorkbenchError
from workbench.spec.estimates import EstimateSettings, estimate_settings
from workbench.store.evaluations import checked_name
from workbench.store.paths import RunPaths

if TYPE_CHECKING:
    from workbench.engine.evaluation.jobs import Findings
    from workbench.spec.schema import RunSpec

INTERRUPTED = 130
PROGRESS_SECONDS = 5.0  # between two lines of progress


def main(arguments: list[str] | None = None) -> int:
    """Measure, write, and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) not in (3, 4):
        say("usage: python -m workbench.engine.evaluate RUN_FOLDER METRIC SETTINGS [NAME]")
        return 2
    os.umask(0o077)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    paths = RunPaths(Path(arguments[0]).absolute())
    metric = arguments[1]
    try:
        name = checked_name(arguments[3] if len(arguments) == 4 else metric)
        settings = estimate_settings(metric, json.loads(arguments[2]))
        spec = read_spec(paths)
        # read by OpenMP when torch is loaded
        os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(spec.resources.threads)
        say("loading torch")
        measure(paths, spec, metric, settings, name)
        return DONE
    except KeyboardInterrupt:
        fail("Interrupted; nothing was written.")
        return INTERRUPTED
    except WorkbenchError as problem:
        fail(str(problem))
        return {DEVICE: NO_DEVICE, STORE: CANNOT_WRITE}.get(problem.exit_code, BAD_INPUT)
    except ValueError as problem:
        if not isinstance(problem, json.JSONDecodeError):
            raise  # unforeseen: the log needs the traceback
        fail(f"SETTINGS is not a JSON object ({problem}).")
        return BAD_INPUT
    except Exception as problem:
        if out_of_memory(problem):
            fail(f"Out of memory: {first_line(problem)} Use fewer examples or chains.")
            return OUT_OF_MEMORY
        if isinstance(problem, OSError) and problem.filename is not None:
            fail(f"Cannot read or write {problem.filename} ({problem.strerror}).")
            return CANNOT_WRITE
        raise


def measure(paths: RunPaths, spec: RunSpec, metric: str, settings: EstimateSettings, name: str) -> None:
    """Load the run's newest checkpoint, measure, and write `evaluations/<name>.json`."""
    import torch

    from workbench.engine import checkpoint
    from workbench.engine.data import load
    from workbench.engine.environment import code_version
    from workbench.engine.evaluation.jobs import Task, job
    from workbench.engine.session import DTYPES, build_model, choose_device, describe
    from workbench.engine.streams import Streams
    from workbench.settings import user_settings

    torch.set_num_threads(spec.resources.threads)
    torch.set_flush_denormal(True)
    found = checkpoint.load_newest(paths, say)
    if found is None:
        raise WorkbenchError(
            f"Run {paths.id} has no checkpoint to evaluate.", "Train it again, and evaluate it then."
        )
    device, dtype = choose_device(spec.resources.device), DTYPES[settings.precision]
    user = user_settings(user_variables(paths))
    say(f"loading data: {spec.data.name}")
    data = load(spec.data, user.data_dir, user.download, device=device, dtype=dtype)
    streams = Streams(spec.seeds, data.device, data.dtype)
    model = build_model(spec, data, streams)
    try:
        model.load_state_dict(found.state["model"])
    except RuntimeError:
        raise WorkbenchError(
            f"The checkpoint of {paths.id} does not fit its model: it was written by another version.",
            "Train the run again with this one.",
        ) from None
    model.requires_grad_(False)  # gradients are with respect to latents here
    started = time.monotonic()
    say(f"{metric}: step {found.step}, {len(spec.seeds)} seeds on {describe(device)}")
    task = Task(model, data, settings, streams.fork(f"estimate/{metric}"), _teller(metric))
    findings = job(metric)(task)
    seconds = time.monotonic() - started
    bad = [bool(step) for step in found.state["first_bad"].tolist()]
    _forget(findings, bad)
    body = {
        "schema": 1,
        "name": name,
        "metric": metric,
        "settings": settings.model_dump(mode="json"),
        "seeds": list(spec.seeds),
        "step": found.step,
        "metrics": findings.metrics,
        "units": _units(findings),
        "notes": findings.notes,
        "seconds": round(seconds, 3),
        "finished": time.time(),
        "device": describe(device),
        "commit": code_version(),
    }
    _write(paths, name, body, findings)
    say(f"{metric}: done in {seconds:.1f} s")


def fail(why: str) -> None:
    """Say in the last line why there is no measurement."""
    say(f"error: {why}")


def _forget(findings: Findings, bad: list[bool]) -> None:
    """What a diverged seed was left with is no measurement."""
    for entry in findings.metrics.values():
        for position, diverged in enumerate(bad):
            if diverged:
                entry["values"][position] = None
                if entry["se"] is not None:
                    entry["se"][position] = None


def _units(findings: Findings) -> dict[str, str]:
    from workbench.spec.metrics import metric

    return {name: metric(name).unit for name in findings.metrics}


def _write(paths: RunPaths, name: str, body: dict[str, Any], findings: Findings) -> None:
    """Write the arrays, then the JSON that names them."""
    import io

    import numpy as np

    from workbench.store.files import write_atomic, write_json

    paths.evaluations.mkdir(mode=0o700, exist_ok=True)
    body["arrays"] = None
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
        say(f"{metric}: {share:.0%}, about {int(left) // 60}m {int(left) % 60:02d}s left")

    return tell


if __name__ == "__main__":
    sys.exit(main())
