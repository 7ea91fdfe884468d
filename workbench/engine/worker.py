"""One attempt at one run, as a process: `python -m workbench.engine.worker RUN_FOLDER ATTEMPT`.

Light until it must load torch, so that progress is told from the first moment. Exit codes are those
of docs/store.md; the last line of standard error says why a run cannot go on.
"""

from __future__ import annotations

import os
import signal
import sys
import tomllib
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from workbench.engine.recorder import Recorder, write_progress
from workbench.errors import DEVICE, STORE, WorkbenchError
from workbench.store.files import create_json, read_json, write_json
from workbench.store.paths import RunPaths

if TYPE_CHECKING:
    from workbench.spec.schema import RunSpec

DONE, OUT_OF_MEMORY, STOPPED, NO_DEVICE, BAD_INPUT, CANNOT_WRITE = 0, 75, 76, 77, 78, 74


class StopRequested(BaseException):
    """SIGTERM came while there was nothing to save; not an Exception, so that no library swallows it."""


class Stop:
    """Hears SIGTERM and SIGINT. In training it waits to be asked; elsewhere it interrupts at once."""

    def __init__(self) -> None:
        self.requested = False
        self.patient = False  # true while work in hand must not be torn

    def install(self) -> None:
        """Take over the signals; a hang-up of the terminal is no reason to stop."""
        signal.signal(signal.SIGTERM, self._heard)
        signal.signal(signal.SIGINT, self._heard)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if not self.patient:
            raise StopRequested


def main(arguments: list[str] | None = None) -> int:
    """Run the attempt and return the worker's exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 2 or not arguments[1].isdecimal():
        say("usage: python -m workbench.engine.worker RUN_FOLDER ATTEMPT")
        return 2
    os.umask(0o077)
    paths = RunPaths(Path(arguments[0]).absolute())
    stop = Stop()
    try:
        stop.install()
        if paths.result.exists():
            say("This run has its result already.")
            return DONE
        return attempt(paths, stop)
    except StopRequested:
        say("Stopped on request; the run goes on from its last checkpoint.")
        return STOPPED
    except WorkbenchError as problem:
        say(str(problem))
        return {DEVICE: NO_DEVICE, STORE: CANNOT_WRITE}.get(problem.exit_code, BAD_INPUT)
    except Exception as problem:
        if out_of_memory(problem):
            say(f"Out of memory: {first_line(problem)} Use a smaller training.batch or fewer seeds at once.")
            return OUT_OF_MEMORY
        if isinstance(problem, OSError) and problem.filename is not None:
            say(f"Cannot read or write {problem.filename} ({problem.strerror}).")
            return CANNOT_WRITE
        raise  # unforeseen: the log needs the traceback


def attempt(paths: RunPaths, stop: Stop) -> int:
    """Train from the start or the newest checkpoint, evaluate, and commit the result."""
    spec = read_spec(paths)
    # read by OpenMP when torch is loaded; torch.set_num_threads alone leaves its pools larger
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(spec.resources.threads)
    write_progress(paths, "loading torch")
    say("loading torch")
    from workbench.engine import session

    return session.train(paths, spec, Recorder(paths), stop, say)


def read_spec(paths: RunPaths) -> RunSpec:
    """Return the run's spec; one that cannot be read or does not validate is a WorkbenchError."""
    from pydantic import ValidationError

    from workbench.spec.schema import RunSpec

    try:
        return RunSpec.model_validate(tomllib.loads(paths.spec.read_text()))
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WorkbenchError(f"{paths.spec}: {where}: {first['msg']}.", "Queue the run again.") from problem
    except (OSError, ValueError) as problem:
        raise WorkbenchError(f"{paths.spec} cannot be read ({problem}).", "Queue the run again.") from problem


def user_variables(paths: RunPaths) -> dict[str, str]:
    """Return the environment with the submitter's WORKBENCH_* settings (origin.json) over it."""
    origin = read_json(paths.origin)
    kept: Any = origin.get("variables") if isinstance(origin, dict) else None
    kept = kept if isinstance(kept, dict) else {}
    chosen = {k: v for k, v in kept.items() if k.startswith("WORKBENCH_") and isinstance(v, str)}
    return {**os.environ, **chosen}


def commit(paths: RunPaths, result: dict[str, Any]) -> None:
    """Create result.json: from here on the run is over."""
    if not create_json(paths.result, result):
        say("Another attempt has written the result already.")


def record_environment(paths: RunPaths, seeds: list[int], device: str) -> None:
    """Write environment.json, once per run."""
    from workbench.engine.environment import capture

    try:
        if not paths.environment.exists():
            write_json(paths.environment, capture(seeds, device))
    except OSError as problem:  # in a thread of its own: training goes on, and will meet a full disk itself
        say(f"The environment could not be recorded ({problem}).")


def out_of_memory(problem: Exception) -> bool:
    """Tell whether memory ran out: torch has a class for the GPU, and only messages for the rest."""
    if isinstance(problem, MemoryError) or type(problem).__name__ == "OutOfMemoryError":
        return True
    text = str(problem)
    phrases = ("DefaultCPUAllocator", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(problem, RuntimeError) and any(phrase in text for phrase in phrases)


def first_line(problem: Exception) -> str:
    """Return the first line of an exception's text, of bounded length, closed by a full stop."""
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    return lines[0][:300].rstrip(".") + "."


def say(text: str) -> None:
    """Write one line to the log (standard error, which the shim keeps)."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
