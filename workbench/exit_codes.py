"""Exit codes of the worker and the shim; the scheduler decides by them what happens to a run next.

Standard library only: the shim imports this module without site-packages.
"""

import errno
from enum import IntEnum


class WorkerExit(IntEnum):
    """How a worker or shim ended, beyond Python's own 0, 1 and 2 (docs/states.md)."""

    DONE = 0
    USAGE = 2
    ATTEMPT_TAKEN = 73  # of the shim: another one holds the attempt, or it is void
    CANNOT_WRITE = 74
    OUT_OF_MEMORY = 75
    STOPPED = 76  # on request, with a checkpoint
    NO_DEVICE = 77
    BAD_INPUT = 78
    GPU_FAULT = 79  # the card failed or vanished
    MACHINE_FAULT = 80  # one of MACHINE_FAULTS
    NOT_STARTED = 127  # of the shim: the worker's command does not exist
    INTERRUPTED = 130


# Errors of the operating system that are no fault of the run: the queue waits, and no try is counted.
MACHINE_FAULTS = frozenset(
    getattr(errno, name)
    for name in (
        "ENOSPC",
        "EDQUOT",
        "EFBIG",
        "EIO",
        "EROFS",
        "EMFILE",
        "ENFILE",
        "ENOMEM",
        "ESTALE",
    )
)
