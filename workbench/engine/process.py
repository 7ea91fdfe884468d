"""What the engine's processes share: log lines, stop signals, the run's spec, and exit codes for exceptions.

Free of torch, so that a process can report progress before it loads torch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tomllib
from types import FrameType

from pydantic import ValidationError

from workbench.errors import DEVICE, STORE, WorkbenchError
from workbench.exit_codes import MACHINE_FAULTS, WorkerExit
from workbench.spec.schema import RunSpec
from workbench.store.json_fields import read_table, table
from workbench.store.paths import RunPaths

# A card that failed or is held by others; an illegal access or a failed assertion is a fault of the program.
GPU_FAULT_PHRASES = (
    "uncorrectable ECC error",
    "unspecified launch failure",
    "no CUDA-capable device is detected",
    "busy or unavailable",
    "CUDA error: unknown error",
    "hardware stack error",
    "initialization error",
    "device is lost",
    "fallen off the bus",
)
OUT_OF_MEMORY_PHRASES = ("DefaultCPUAllocator", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def log(text: str) -> None:
    """Write one line to the log (standard error, which the shim keeps); a full disk must not end training."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class StopRequested(BaseException):
    """SIGTERM came while there was nothing to save; not an Exception, so that no library swallows it."""


class Stop:
    """Handles SIGTERM and SIGINT: sets `requested`, and raises `StopRequested` unless `patient`."""

    def __init__(self) -> None:
        self.requested = False
        self.patient = False  # true while work must not be interrupted: training asks `requested` instead

    def install(self) -> None:
        """Take over the signals; a hang-up of the terminal is ignored."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if not self.patient:
            raise StopRequested


def read_spec(paths: RunPaths) -> RunSpec:
    """Return the run's spec.

    Raises:
        WorkbenchError: if spec.toml cannot be read or does not validate.
    """
    try:
        return RunSpec.model_validate(tomllib.loads(paths.spec.read_text()))
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WorkbenchError(f"{paths.spec}: {where}: {first['msg']}.", "Queue the run again.") from problem
    except (OSError, ValueError) as problem:
        raise WorkbenchError(f"Cannot read {paths.spec}: {problem}.", "Queue the run again.") from problem


def limit_threads(spec: RunSpec) -> None:
    """Set the thread counts that OpenMP reads when torch is loaded.

    `torch.set_num_threads` alone leaves its pools larger.
    """
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(spec.resources.threads)


def user_variables(paths: RunPaths) -> dict[str, str]:
    """Return the environment with the submitter's WORKBENCH_* settings (origin.json) over it."""
    kept = table(read_table(paths.origin).get("variables"))
    chosen = {k: v for k, v in kept.items() if k.startswith("WORKBENCH_") and isinstance(v, str)}
    return {**os.environ, **chosen}


def explain(problem: Exception, memory_hint: str) -> tuple[WorkerExit, str]:
    """Return the exit code for an expected problem, and one sentence about it.

    `memory_hint` says what to make smaller where memory ran out.

    Raises:
        Exception: `problem` itself where it is unexpected, so that the log gets its traceback.
    """
    if isinstance(problem, WorkbenchError):
        codes = {DEVICE: WorkerExit.NO_DEVICE, STORE: WorkerExit.CANNOT_WRITE}
        return codes.get(problem.exit_code, WorkerExit.BAD_INPUT), str(problem)
    if out_of_memory(problem):
        return WorkerExit.OUT_OF_MEMORY, f"Out of memory: {first_line(problem)} {memory_hint}"
    if isinstance(problem, OSError) and (problem.errno in MACHINE_FAULTS or problem.filename is not None):
        what = problem.filename or "a file"  # a failing write, unlike open, does not name it
        code = WorkerExit.MACHINE_FAULT if problem.errno in MACHINE_FAULTS else WorkerExit.CANNOT_WRITE
        return code, f"Cannot read or write {what}: {problem.strerror}."
    if isinstance(problem, RuntimeError) and any(phrase in str(problem) for phrase in GPU_FAULT_PHRASES):
        return WorkerExit.GPU_FAULT, f"The GPU failed: {first_line(problem)}"
    raise problem


def out_of_memory(problem: Exception) -> bool:
    """Whether memory ran out: torch has a class for the GPU, and only messages for the rest."""
    if isinstance(problem, MemoryError) or type(problem).__name__ == "OutOfMemoryError":
        return True
    text = str(problem)
    return isinstance(problem, RuntimeError) and any(phrase in text for phrase in OUT_OF_MEMORY_PHRASES)


def first_line(problem: Exception) -> str:
    """Return the first line of an exception's text, of bounded length, closed by a full stop."""
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    return lines[0][:300].rstrip(".") + "."
