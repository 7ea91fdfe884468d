"""The queue from outside: start the scheduler on demand, check whether it is alive, stop it."""

from __future__ import annotations

import contextlib
import os
import re
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
from workbench.queue.liveness import alive, holders, lock_held, process_of, signal_process, stopped
from workbench.queue.other_hosts import other_host, scheduler_elsewhere
from workbench.store.json_fields import number, read_table, whole
from workbench.store.store import Store

COMMAND = [sys.executable, "-P", "-m", "workbench.queue.scheduler"]
ANNOUNCED = 0.3  # seconds from taking the lock to writing the address
LOG_LIMIT = 1 << 20  # bytes; a longer scheduler log is truncated

_started: list[subprocess.Popen[bytes]] = []  # kept, so that one that has ended is reaped


@dataclass(frozen=True)
class SchedulerStatus:
    """Whether the store's scheduler is alive, and which process it is."""

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
        running = False  # a store that can only be read: no scheduler could have been started in it
    document = read_table(store.paths.scheduler)
    elsewhere = scheduler_elsewhere(store.paths)
    if not running and not elsewhere:
        return SchedulerStatus(False)
    if not elsewhere:
        deadline = time.monotonic() + ANNOUNCED
        while not (known := alive(document) or bool(other_host(document))) and time.monotonic() < deadline:
            time.sleep(0.02)  # it may have started this moment
            document = read_table(store.paths.scheduler)
        pid, _ = process_of(document)
        if not known:
            others = ", ".join(map(str, holders(store.paths.scheduler_lock))) or "of another user"
            text = f"The scheduler's lock is held by a process that is no scheduler: {others}."
            return SchedulerStatus(True, message=text)
        if stopped(pid):
            text = f"The scheduler is stopped (process {pid}). `kill -CONT {pid}` continues it."
            return SchedulerStatus(
                True, pid, str(document.get("host", "")), number(document.get("started")), text
            )
    return SchedulerStatus(
        True,
        whole(document.get("pid")),
        str(document.get("host", "")),
        number(document.get("started")),
        str(document.get("message", "")),
    )


def ring(store: Store) -> None:
    """Make the scheduler look at once. Harmless if it fails: it looks by itself every few seconds."""
    with contextlib.suppress(OSError):
        store.paths.bell.touch(0o600)


def ensure_scheduler(store: Store, arguments: Sequence[str] = ()) -> None:
    """Make sure that a scheduler serves the store: ring if one is alive, start one if not.

    It gets its own session and writes to a file, so it outlives the terminal. Two clients may start
    one each at the same moment: the second to reach the lock exits. `arguments` go to it. A scheduler
    of an older version is replaced, since its files have changed under it; its workers are adopted.

    Raises:
        WorkbenchError: if the store is read-only, or the scheduler does not start (exit code 5).
    """
    store.must_be_writable()
    ring(store)
    if scheduler_elsewhere(store.paths):
        return
    if lock_held(store.paths.scheduler_lock):
        address = read_table(store.paths.scheduler)
        if not alive(address) or _parts(address.get("version")) >= _parts(workbench.__version__):
            return
        with contextlib.suppress(WorkbenchError):  # slow to end: it serves the store until then
            stop_scheduler(store)
        if lock_held(store.paths.scheduler_lock):
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
            f"Cannot start the scheduler: {error.strerror}.",
            "The runs are queued. Free space or memory, then use `workbench scheduler start`.",
            STORE,
        ) from None
    _started.append(process)


def stop_scheduler(store: Store, timeout: float = 5.0) -> bool:
    """Stop the scheduler and wait for its end; runs continue. Returns False if none was running.

    Raises:
        WorkbenchError: if it is still alive after `timeout` seconds.
    """
    status = scheduler_status(store)
    if not status.running:
        return False
    pid, started = process_of(read_table(store.paths.scheduler))
    if not status.pid and status.message:
        raise WorkbenchError("Cannot stop the scheduler.", status.message, STORE)
    signal_process(pid, started, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not lock_held(store.paths.scheduler_lock):
            return True
        time.sleep(0.02)
    where = f"process {status.pid}" + ("" if pid else f" on {status.host}")
    raise WorkbenchError(
        f"Cannot stop the scheduler: {where} is still alive.", "See .workbench/scheduler.log.", STORE
    )


def _parts(version: object) -> tuple[int, ...]:
    """Return the numbers of a version in order, none for anything but a version."""
    return tuple(map(int, re.findall(r"\d+", str(version))))


def _importable() -> dict[str, str]:
    """Return PYTHONPATH so that a checkout that is not installed can be imported by the scheduler too."""
    parent = str(Path(workbench.__file__).parents[1])
    if parent in site.getsitepackages() or parent == site.getusersitepackages():
        return {}
    old = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{parent}{os.pathsep}{old}" if old else parent}
