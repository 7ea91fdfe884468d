"""The queue from outside: start the scheduler on demand, see whether it lives, ask it to stop."""

from __future__ import annotations

import os
import signal
import site
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import workbench
from workbench.errors import STORE, WorkbenchError
from workbench.queue.liveness import boot_id, lock_held, signal_process
from workbench.queue.other_hosts import scheduler_elsewhere
from workbench.store.files import finite, read_json
from workbench.store.store import Store

COMMAND = [sys.executable, "-P", "-m", "workbench.queue.scheduler"]
LOG_LIMIT = 1 << 20  # bytes; a longer scheduler log is begun anew

_started: list[subprocess.Popen[bytes]] = []  # kept, so that one that has ended is reaped


@dataclass(frozen=True)
class SchedulerStatus:
    """Whether the store's scheduler lives, and which process it is."""

    running: bool
    pid: int = 0
    host: str = ""
    started: float | None = None  # Unix seconds
    message: str = ""  # what keeps it from starting runs, if anything


def scheduler_status(store: Store) -> SchedulerStatus:
    """Return the state of the scheduler: its lock is the truth, `scheduler.json` the address."""
    try:
        running = lock_held(store.paths.scheduler_lock)
    except OSError:
        running = False  # a store that can only be read: nobody here could have started one
    document = read_json(store.paths.scheduler)
    running = running or bool(scheduler_elsewhere(store.paths))
    if not running or not isinstance(document, dict):
        return SchedulerStatus(running)
    return SchedulerStatus(
        True,
        _whole(document.get("pid")),
        str(document.get("host", "")),
        finite(document.get("started")),
        str(document.get("message", "")),
    )


def ring(store: Store) -> None:
    """Tell the scheduler to look at once. Harmless if it fails: it looks by itself every few seconds."""
    try:
        with store.paths.bell.open("wb"):
            pass
        os.utime(store.paths.bell)
    except OSError:
        pass


def ensure_scheduler(store: Store, arguments: Sequence[str] = ()) -> None:
    """See that a scheduler looks after the store: ring if one lives, start one if not.

    It gets its own session and writes to a file, so it outlives the terminal. Two clients may start
    one each at the same moment: the second to reach the lock ends by itself. `arguments` go to it.
    """
    store.must_be_writable()
    ring(store)
    if lock_held(store.paths.scheduler_lock) or scheduler_elsewhere(store.paths):
        return
    _started[:] = [process for process in _started if process.poll() is None]
    log = store.paths.scheduler_log
    try:
        full = log.exists() and log.stat().st_size > LOG_LIMIT
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if full else 0), 0o600)
        try:
            process = subprocess.Popen(
                [*COMMAND, "--store", str(store.root), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                cwd=store.root,
                env={**os.environ, **_importable()},
                start_new_session=True,
            )
        finally:
            os.close(handle)
    except OSError as error:
        raise WorkbenchError(
            f"The scheduler could not be started: {error.strerror}.",
            "The runs are queued; free space or memory, then `workbench queue ls` shows them start.",
            STORE,
        ) from None
    _started.append(process)


def stop_scheduler(store: Store, timeout: float = 5.0) -> bool:
    """Ask the scheduler to end and wait for it; runs go on. Returns False if none was running."""
    status = scheduler_status(store)
    if not status.running:
        return False
    document = read_json(store.paths.scheduler)
    same = isinstance(document, dict) and document.get("boot_id") == boot_id()
    if same and isinstance(document, dict):
        signal_process(status.pid, _whole(document.get("start_time"), 2**63), signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not lock_held(store.paths.scheduler_lock):
            return True
        time.sleep(0.02)
    where = f"process {status.pid}" + ("" if same else f" on {status.host}")
    raise WorkbenchError(f"The scheduler ({where}) did not end.", "Look into scheduler.log.", STORE)


def _whole(value: object, most: int = 2**31 - 1) -> int:
    return value if isinstance(value, int) and 0 <= value <= most else 0


def _importable() -> dict[str, str]:
    """Return PYTHONPATH so that a checkout that is not installed can be imported by the scheduler too."""
    parent = str(Path(workbench.__file__).parents[1])
    if parent in site.getsitepackages() or parent == site.getusersitepackages():
        return {}
    old = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{parent}{os.pathsep}{old}" if old else parent}
