"""Which processes are alive: locks that the kernel releases, processes known by more than a number."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path
from typing import Any

from workbench.store.json_fields import table, whole


def lock_held(path: Path) -> bool:
    """Whether a process holds the lock on `path`. The test itself takes the lock for a moment."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:  # a store of another user, which we may only read
        handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


def take_lock(path: Path) -> int | None:
    """Take the lock on `path`, made if absent; returns its handle, or None if it is held.

    The handle is not inherited by child processes; closing it, or dying, releases the lock.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def same_lock(handle: int, path: Path) -> bool:
    """Whether the lock at `path` is still ours: no other file has replaced it."""
    try:
        ours, theirs = os.fstat(handle), path.stat()
    except FileNotFoundError:
        return True
    return (ours.st_ino, ours.st_dev) == (theirs.st_ino, theirs.st_dev)


def boot_id() -> str:
    """Return the kernel's name for this boot: process numbers mean nothing in another one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_time(pid: int) -> int:
    """Return the process's start time in clock ticks since boot, or 0 if there is no such process."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def stopped(pid: int) -> bool:
    """Whether the process is stopped by a signal (SIGSTOP, Ctrl-Z) or a debugger."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("T", "t")
    except (OSError, IndexError):
        return False


def process_of(document: Any) -> tuple[int, int]:
    """Return the number and start time of the process that a claim or an address names.

    Both are 0 if it names none, or one of another boot.
    """
    fields = table(document)
    if fields.get("boot_id") != boot_id():
        return 0, 0
    return whole(fields.get("pid")), whole(fields.get("start_time"))


def alive(document: Any) -> bool:
    """Whether the process that a claim or an address names lives on this machine."""
    pid, started = process_of(document)
    return started > 0 and started == start_time(pid)


def signal_process(pid: int, started: int, number: signal.Signals) -> bool:
    """Signal the process if it is still the one that started then; False if it is gone.

    The handle (pidfd) is opened before the check, so that a reused number cannot be hit.
    """
    try:
        handle = os.pidfd_open(pid)
    except (OSError, OverflowError):
        return False
    try:
        if started != start_time(pid):
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


def holders(path: Path) -> list[int]:
    """Return the processes of this user that keep the lock on `path`.

    A process that merely has the file open, such as a backup, holds no lock and must not be signalled.
    """
    try:
        target = path.stat()
    except OSError:
        return []
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # gone, or not ours
            for handle in (folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    info = handle.stat()
                    same = (info.st_ino, info.st_dev) == (target.st_ino, target.st_dev)
                    if same and "lock:" in (folder / "fdinfo" / handle.name).read_text():
                        found.append(int(folder.name))
                        break
    return found
