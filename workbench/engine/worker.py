"""One attempt at one run, as a process: `python -m workbench.engine.worker RUN_FOLDER ATTEMPT`.

Light until it must load torch, so that progress is reported from the first moment. Exit codes are those
of workbench/exit_codes.py; the last line of standard error says why a run cannot continue.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from workbench.engine.process import Stop, StopRequested, explain, limit_threads, log, read_spec
from workbench.engine.recorder import Recorder, write_progress
from workbench.exit_codes import WorkerExit
from workbench.store.paths import RunPaths


def main(arguments: list[str] | None = None) -> int:
    """Run the attempt and return the worker's exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 2 or not arguments[1].isdecimal():
        log("usage: python -m workbench.engine.worker RUN_FOLDER ATTEMPT")
        return WorkerExit.USAGE
    os.umask(0o077)
    paths = RunPaths(Path(arguments[0]).absolute())
    stop = Stop()
    try:
        stop.install()
        if paths.result.exists():
            log("This run has its result already.")
            return WorkerExit.DONE
        return attempt(paths, int(arguments[1]), stop)
    except StopRequested:
        log("Stopped on request; the run resumes from its last checkpoint.")
        return WorkerExit.STOPPED
    except Exception as problem:
        code, sentence = explain(problem, "Use a smaller training.batch or fewer seeds at once.")
        log(sentence)
        return code


def attempt(paths: RunPaths, number: int, stop: Stop) -> int:
    """Train from the start or the newest checkpoint, evaluate, and commit the result."""
    spec = read_spec(paths)
    limit_threads(spec)
    write_progress(paths, "loading torch")
    log("loading torch")
    from workbench.engine import session  # loads torch, after the progress file says so

    recorder = Recorder(paths)
    recorder.attempt = paths.attempt(number)
    try:
        return session.train(paths, spec, recorder, stop)
    finally:  # also when memory ran out: the record shows who took it
        if recorder.usage is not None:
            recorder.usage.note(last=True)


if __name__ == "__main__":
    sys.exit(main())
