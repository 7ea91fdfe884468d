"""Measuring a run after its end, and reading what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING

from workbench.api.runs import find_run
from workbench.api.stores import Store
from workbench.errors import DEVICE, RUN_FAILED, STORE, USAGE, WorkbenchError
from workbench.exit_codes import WorkerExit
from workbench.queue.attempt_command import THREADS, read_need
from workbench.store.evaluations import (
    Entry,
    Evaluation,
    checked_name,
    read_evaluation,
    read_evaluations,
    read_results,
)
from workbench.text import safe_text

if TYPE_CHECKING:
    from workbench.spec.estimates import EstimateSettings

__all__ = ["Entry", "Evaluation", "estimates", "evaluate", "list_evaluations", "results_of"]

WORKER = (sys.executable, "-P", "-m", "workbench.engine.evaluate")
FAILED = "error: "  # how the last line of a failed measurement begins
EXIT_CODES: dict[int, int] = {
    WorkerExit.CANNOT_WRITE: STORE,
    WorkerExit.OUT_OF_MEMORY: RUN_FAILED,
    WorkerExit.NO_DEVICE: DEVICE,
    WorkerExit.BAD_INPUT: USAGE,
    **dict.fromkeys((WorkerExit.INTERRUPTED, -SIGINT, -SIGTERM), WorkerExit.INTERRUPTED),
}


def estimates() -> dict[str, type[EstimateSettings]]:
    """Return what can be measured, by name: the classes of their settings."""
    from workbench.spec.estimates import known_estimates

    return known_estimates()


def results_of(store: Store, run_id: str) -> dict[str, Entry]:
    """Return what a run's result measured: per metric the value of each seed, its standard error, and n."""
    return read_results(store.run(run_id))


def list_evaluations(store: Store, run_id: str) -> list[Evaluation]:
    """Return what has been measured on a run after its end, oldest first."""
    return read_evaluations(store.run(find_run(store, run_id).id))


def evaluate(
    store: Store,
    run_id: str,
    metric: str,
    sets: Sequence[str] = (),
    *,
    name: str | None = None,
    on_line: Callable[[str], None] | None = None,
    worker: Sequence[str] = WORKER,
) -> Evaluation:
    """Measure `metric` on the last checkpoint of a run that is over, in a process of its own; wait for it.

    `sets` are `key=value` texts. The result is written to `evaluations/<name>.json` (by default the metric's
    name; an older one is replaced) and returned. `on_line` hears each line of progress. Raises
    WorkbenchError for a run that still trains, has no checkpoint, or that the metric makes no sense for.
    """
    from workbench.spec.estimates import settings_from

    settings = settings_from(metric, sets)
    name = checked_name(name or metric)
    row = find_run(store, run_id)
    store.must_be_writable()
    if row.scheduled:
        raise WorkbenchError(f"Run {row.id} is {row.state}.", "Evaluate it when it has finished.")
    paths = store.run(row.id)
    if not any(paths.checkpoints.glob("*.json")):
        raise WorkbenchError(
            f"Run {row.id} has no checkpoint to evaluate.", "Train it again, and evaluate it then."
        )
    body = settings.model_dump(mode="json", include=settings.model_fields_set)
    command = [*worker, str(paths.root), metric, json.dumps(body), name]
    code, last = _run(command, _threads(store, row.id), on_line)
    if code:
        why = last if last else f"The evaluation ended with code {code}."
        raise WorkbenchError(safe_text(why, 500, one_line=True), "", EXIT_CODES.get(code, RUN_FAILED))
    found = read_evaluation(paths, name)
    if found is None:
        raise WorkbenchError(f"evaluations/{name}.json cannot be read.", "", STORE)
    return found


def _threads(store: Store, run_id: str) -> dict[str, str]:
    """Return the process environment with as many threads as the run asks for."""
    import os

    need = read_need(store.run(run_id))
    return {**os.environ, **dict.fromkeys(THREADS, str(need.threads if need else 1))}


def _run(
    command: Sequence[str], environment: dict[str, str], on_line: Callable[[str], None] | None
) -> tuple[int, str]:
    """Run to the end; return the exit code and the last line of standard error. Ctrl-C ends it."""
    last = ""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    )
    try:
        assert process.stderr is not None
        for raw in process.stderr:
            line = raw.decode("utf-8", "replace").rstrip()
            last = line or last
            if on_line is not None and line and not line.startswith(FAILED):
                on_line(line)
        return process.wait(), last.removeprefix(FAILED)
    except BaseException:
        process.terminate()
        process.wait()
        raise
