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
from pathlib import Path

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
)
from workbench.errors import DEVICE, STORE, WorkbenchError
from workbench.spec.estimates import estimate_settings
from workbench.store.evaluations import checked_name
from workbench.store.paths import RunPaths

INTERRUPTED = 130


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
        import torch

        from workbench.engine.measuring import measure

        torch.set_num_threads(spec.resources.threads)
        torch.set_flush_denormal(True)
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


def fail(why: str) -> None:
    """Say in the last line why there is no measurement."""
    say(f"error: {why}")


if __name__ == "__main__":
    sys.exit(main())
