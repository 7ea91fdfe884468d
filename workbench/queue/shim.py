"""The small process between scheduler and worker: holds the lock, claims the attempt, keeps the exit code.

Run as a script by `python -I -S`, standard library only, so that it starts in milliseconds and stays
small. Its one argument is a JSON object:

    {"key": …, "argv": [worker command], "lock": …, "claim": …, "exit": …, "log": …, "progress": …,
     "log_limit": bytes, "device": …, "inline": bool}

The worker inherits the lock's handle, so the lock is held while either is alive: a killed shim costs
the exit code and nothing else. Of its own it ends with DONE, ATTEMPT_TAKEN or CANNOT_WRITE.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType
from typing import Any

if __name__ == "__main__":  # isolated and without site-packages: the package's folder comes last on the path
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from workbench.exit_codes import MACHINE_FAULTS, WorkerExit

LOCK_PATIENCE = 3.0  # seconds: others test the lock by taking it for a moment
RESERVED = 1000  # bytes, for the exit code and its reason
POLL = 0.25  # seconds between looks at the log's size

stopping = False  # SIGTERM has come
worker: "subprocess.Popen[bytes] | None" = None


def main(text: str) -> int:
    """Run one attempt from claim to exit code."""
    os.umask(0o077)
    job = json.loads(text)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _forward)
    lock = _take_lock(job["lock"])
    if lock is None:
        return WorkerExit.ATTEMPT_TAKEN
    pid = os.getpid()
    claim = {"schema": 1, "pid": pid, "start_time": _start_time(pid), "boot_id": _boot_id()}
    claim |= {"host": socket.gethostname(), "key": job["key"], "device": job.get("device", "")}
    claim["inline"] = bool(job.get("inline"))
    try:
        reserved = _write(job["exit"], " " * RESERVED)  # so that a full disk does not hide how it ended
        if not _create(job["claim"], claim):
            os.unlink(reserved)
            return WorkerExit.ATTEMPT_TAKEN
        with contextlib.suppress(OSError):
            _first_progress(job["progress"])
        try:
            end = _run(job, lock)
        except OSError as error:
            fault = error.errno in MACHINE_FAULTS
            code = WorkerExit.MACHINE_FAULT if fault else WorkerExit.NOT_STARTED
            end = {"code": code, "signal": 0, "reason": f"Cannot start the worker: {error.strerror}."}
        _fill(reserved, {"schema": 1, **end, "time": time.time()})
        with contextlib.suppress(FileExistsError):
            os.link(reserved, job["exit"])
        os.unlink(reserved)
    except OSError as error:
        with contextlib.suppress(OSError):
            print(f"shim: {error}", file=sys.stderr, flush=True)  # noqa: T201 - its stderr is the scheduler's log
        return WorkerExit.CANNOT_WRITE
    ended_with = int(end["code"])
    return ended_with if job.get("inline") else 0


def _run(job: dict[str, Any], lock: int) -> dict[str, Any]:
    """Start the worker, wait for its end, and clear what is left of its process group."""
    global worker
    if stopping:
        return {"code": WorkerExit.STOPPED, "signal": 0, "reason": "stopped before it started"}
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    log = os.open(job["log"], flags, 0o600)
    try:
        worker = subprocess.Popen(
            job["argv"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,
        )
    except OSError as error:
        if error.errno in MACHINE_FAULTS:
            raise
        with contextlib.suppress(OSError):
            os.write(log, f"cannot start the worker: {error}\n".encode())
        return {"code": WorkerExit.NOT_STARTED, "signal": 0, "reason": f"cannot start the worker: {error}"}
    finally:
        os.close(log)
    if stopping:  # the signal came while the worker was being made
        worker.send_signal(signal.SIGTERM)
    next_look = 0.0
    nap = 0.01
    # WNOWAIT leaves the dead worker's number taken, so that its group can be signalled safely.
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while os.waitid(os.P_PID, worker.pid, look) is None:
        time.sleep(nap)
        nap = min(POLL, nap * 1.5) if time.monotonic() > next_look else nap
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + POLL
            with contextlib.suppress(OSError):
                _cap(job["log"], job["log_limit"])
    with contextlib.suppress(OSError):
        os.killpg(worker.pid, signal.SIGKILL)  # children that outlive the worker would keep the lock
    status = worker.wait()
    if status < 0:
        return {"code": 128 - status, "signal": -status, "reason": f"ended by signal {-status}"}
    return {"code": status, "signal": 0, "reason": ""}


def _forward(number: int, frame: FrameType | None) -> None:
    """Pass a request to stop on to the worker, which writes a checkpoint and ends."""
    global stopping
    stopping = True
    if worker is not None and worker.returncode is None:
        with contextlib.suppress(OSError):
            worker.send_signal(signal.SIGTERM)


def _take_lock(path: str) -> "int | None":
    """Take the attempt's lock; None if another process keeps it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.005)


def _write(path: str, value: Any) -> str:
    """Write a complete temporary file beside `path` and return its name."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(json.dumps(value) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _fill(path: str, value: Any) -> None:
    """Write `value` over the space that `path` has on the disk already."""
    body = (json.dumps(value) + "\n").encode()
    handle = os.open(path, os.O_WRONLY)
    try:
        size = os.fstat(handle).st_size
        os.pwrite(handle, body.rjust(size), 0)  # blanks before JSON count for nothing
        os.fsync(handle)
    finally:
        os.close(handle)


def _create(path: str, value: Any) -> bool:
    """Create `path` whole, or return False if it exists: link() lets exactly one win."""
    temporary = _write(path, value)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def _first_progress(path: str) -> None:
    """Report progress before the worker has loaded torch; a resumed run keeps its step."""
    try:
        with open(path) as file:
            old = json.load(file)
    except (OSError, ValueError):
        old = {}
    old = old if isinstance(old, dict) else {}
    value = {"schema": 1, "phase": "starting", "step": old.get("step", 0), "total": old.get("total", 0)}
    value |= {"seconds": old.get("seconds", 0.0), "steps_per_second": 0.0, "time": time.time()}
    os.replace(_write(path, value), path)


def _cap(path: str, limit: int) -> None:
    """Cut the middle out of a log that has grown over `limit`; its beginning and end are kept.

    The worker appends (O_APPEND), so its next line lands behind what is kept.
    """
    if os.stat(path).st_size <= limit:
        return
    head, tail = limit // 4, limit // 4
    with open(path, "r+b") as file:
        file.seek(head)
        head += len(file.readline(4096))  # cut at a line's end if there is one near
        file.seek(-tail, os.SEEK_END)
        file.readline(4096)
        kept = file.read()
        file.truncate(head)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(handle, b"[... the log grew too long: lines left out here ...]\n" + kept)
    finally:
        os.close(handle)


def _start_time(pid: int) -> int:
    """Return the process's start in clock ticks since boot: with its number it names one process."""
    with contextlib.suppress(OSError, IndexError, ValueError), open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[19])
    return 0


def _boot_id() -> str:
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
