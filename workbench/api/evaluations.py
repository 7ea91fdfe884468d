"""Estimates on a run after its end, and reading results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING

from workbench.api.runs import RunRow, find_run
from workbench.api.stores import Store
from workbench.errors import DEVICE, RUN_FAILED, STORE, USAGE, WorkbenchError
from workbench.exit_codes import WorkerExit
from workbench.queue.attempt_command import THREADS, read_need
from workbench.results import measured
from workbench.results.measured import evaluation_lines
from workbench.store.evaluations import (
    Entry,
    Evaluation,
    checked_name,
    read_evaluation,
    read_evaluations,
    read_results,
)

if TYPE_CHECKING:
    from workbench.spec.estimates import EstimateSettings
    from workbench.store.examples import Examples

__all__ = [
    "Entry",
    "Evaluation",
    "estimates",
    "evaluate",
    "evaluation_lines",
    "examples_of",
    "list_evaluations",
    "result_lines",
    "results_of",
]

WORKER = (sys.executable, "-P", "-m", "workbench.engine.evaluate")
FAILED = "error: "  # how the last line of a failed measurement begins
EXIT_CODES: dict[int, int] = {
    **dict.fromkeys((WorkerExit.CANNOT_WRITE, WorkerExit.MACHINE_FAULT), STORE),
    WorkerExit.OUT_OF_MEMORY: RUN_FAILED,
    **dict.fromkeys((WorkerExit.NO_DEVICE, WorkerExit.GPU_FAULT), DEVICE),
    WorkerExit.BAD_INPUT: USAGE,
    **dict.fromkeys((WorkerExit.INTERRUPTED, -SIGINT, -SIGTERM), WorkerExit.INTERRUPTED),
}


def estimates() -> dict[str, type[EstimateSettings]]:
    """Return the settings class of every metric that `evaluate` can estimate, by name.

    >>> estimates = api.evaluations.estimates()
    >>> estimates["ais"].model_fields["temperatures"].default
    500
    """
    from workbench.spec.estimates import known_estimates  # loads pydantic: 0.2 s that reading does not need

    return known_estimates()


def results_of(store: Store, run_id: str) -> dict[str, Entry]:
    """Return a run's final metrics: per metric the value of each seed, its standard error, and n.

    Units are those of `metric(name).unit`; empty while the run has no result.

    >>> entry = api.evaluations.results_of(store, "20261121-043537-vae-digits-fuze")["knn_accuracy"]
    >>> entry.n, [round(value, 3) for value in entry.values]
    (360, [0.886, 0.844, 0.839])
    """
    return read_results(store.run(run_id))


def result_lines(store: Store, row: RunRow) -> list[str]:
    """Return a run's final metrics as lines of text, and why a seed is not healthy.

    >>> row = api.runs.find_run(store, "fuze")
    >>> print(api.evaluations.result_lines(store, row)[0])
    test NELBO                   29.51 ± 0.19 nats per example  [3 seeds, n=360, SE of one 0.15]
    """
    return measured.result_lines(store.run(row.id), row.seeds, row.health)


def examples_of(store: Store, run_id: str) -> dict[str, Examples]:
    """Return a run's metrics by example: `values` [S, n], rows `index` [n] of the test set, and `ids` [n].

    Two runs were judged on the same example where their `ids` are equal. Runs of 0.1.0 have none.

    Raises:
        WorkbenchError: exit code 3 for an unknown run.

    >>> api.evaluations.examples_of(store, "fuze")
    {}
    """
    from workbench.store.examples import read_examples  # loads numpy

    return read_examples(store.run(find_run(store, run_id).id))


def list_evaluations(store: Store, run_id: str) -> list[Evaluation]:
    """Return the evaluations of a run, oldest first.

    Raises:
        WorkbenchError: exit code 3 for an unknown run.

    >>> api.evaluations.list_evaluations(store, "fuze")
    []
    """
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
    """Estimate `metric` on the last checkpoint of a run that is over, in a process of its own; wait for it.

    `sets` are `key=value` texts. The result is written to `evaluations/<name>.json` (by default the metric's
    name; an older one is replaced) and returned. `on_line` gets each line of progress.

    Raises:
        WorkbenchError: exit code 3 for an unknown run or metric; 2 for an invalid setting, or a run that is
            still training or has no checkpoint; 4, 5 or 6 if the process fails.

    >>> api.evaluations.evaluate(store, "fuze", "ais", ["chains=4"])
    Traceback (most recent call last):
    workbench.errors.WorkbenchError: Cannot evaluate ...: it has no checkpoint. Train it again first.
    """
    from workbench.spec.estimates import settings_from  # loads pydantic: 0.2 s that reading does not need

    settings = settings_from(metric, sets)
    name = checked_name(name or metric)
    row = find_run(store, run_id)
    store.must_be_writable()
    if row.scheduled:
        raise WorkbenchError(f"Cannot evaluate {row.id}: it is {row.state}.", "Wait until it has finished.")
    paths = store.run(row.id)
    if not any(paths.checkpoints.glob("*.json")):
        raise WorkbenchError(f"Cannot evaluate {row.id}: it has no checkpoint.", "Train it again first.")
    body = settings.model_dump(mode="json", include=settings.model_fields_set)
    command = [*worker, str(paths.root), metric, json.dumps(body), name]
    need = read_need(paths)
    threads = dict.fromkeys(THREADS, str(need.threads if need else 1))
    code, last = run_process(command, {**os.environ, **threads}, on_line)
    if code:
        why = last or f"Cannot evaluate {row.id}: the process ended with exit code {code}."
        raise WorkbenchError(why, "", EXIT_CODES.get(code, RUN_FAILED))
    found = read_evaluation(paths, name)
    if found is None:
        raise WorkbenchError(f"Cannot read evaluations/{name}.json of {row.id}.", "", STORE)
    return found


def run_process(
    command: Sequence[str], environment: dict[str, str], on_line: Callable[[str], None] | None
) -> tuple[int, str]:
    """Run a process of the engine to its end; return its exit code and last line of standard error.

    `on_line` gets each line of progress. Ctrl-C ends the process.
    """
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
