"""One measurement on a run after its end, as a process.

    python -m workbench.engine.evaluate RUN_FOLDER METRIC SETTINGS [NAME]

SETTINGS is a JSON object of the metric's settings (workbench/spec/estimates). Reads the newest
checkpoint and writes `evaluations/NAME.json` (and `.npz` where there are arrays), whole or not at all; NAME
is the metric unless given. Nothing else of the run is touched. Progress goes to standard error; a
last line "error: …" says why a measurement failed. Exit codes are the worker's (docs/store.md).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from workbench.engine.process import explain, limit_threads, log, read_spec
from workbench.exit_codes import WorkerExit
from workbench.spec.estimates import estimate_settings
from workbench.store.evaluations import checked_name
from workbench.store.paths import RunPaths


def main(arguments: list[str] | None = None) -> int:
    """Measure, write, and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) not in (3, 4):
        log("usage: python -m workbench.engine.evaluate RUN_FOLDER METRIC SETTINGS [NAME]")
        return WorkerExit.USAGE
    os.umask(0o077)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    paths = RunPaths(Path(arguments[0]).absolute())
    metric = arguments[1]
    try:
        name = checked_name(arguments[3] if len(arguments) == 4 else metric)
        settings = estimate_settings(metric, json.loads(arguments[2]))
        spec = read_spec(paths)
        limit_threads(spec)
        log("loading torch")
        from workbench.engine.estimates import measure  # loads torch, after the log says so
        from workbench.engine.setup import configure_torch  # the same

        configure_torch(spec)
        measure(paths, spec, metric, settings, name)
        return WorkerExit.DONE
    except KeyboardInterrupt:
        fail("Interrupted; nothing was written.")
        return WorkerExit.INTERRUPTED
    except json.JSONDecodeError as problem:
        fail(f"SETTINGS is not a JSON object ({problem}).")
        return WorkerExit.BAD_INPUT
    except Exception as problem:
        code, sentence = explain(problem, "Use fewer examples or chains.")
        fail(sentence)
        return code


def fail(why: str) -> None:
    """Log, as the last line, why there is no measurement."""
    log(f"error: {why}")


if __name__ == "__main__":
    sys.exit(main())
