"""A run in the foreground: the same shim, claim and lock, without a scheduler in between.

`state.json` may only be written under the scheduler's lock. If no scheduler is alive, the lock is taken
for the moment of writing; otherwise the scheduler sees the claim and writes what follows itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from workbench.errors import DEVICE, USAGE, WorkbenchError
from workbench.exit_codes import WorkerExit
from workbench.queue import devices
from workbench.queue.active_runs import started_state
from workbench.queue.attempt_command import WORKER, make_launch, read_need
from workbench.queue.client import ring
from workbench.queue.learnt import Learnt
from workbench.queue.liveness import lock_held, take_lock
from workbench.queue.policy import Machine, choose
from workbench.queue.readings import as_rooms
from workbench.queue.recovery import Limits, make_attempt, settle
from workbench.store.files import read_json
from workbench.store.json_fields import read_table
from workbench.store.paths import RunPaths
from workbench.store.state import ACTIVE, OVER, WAITING, load_state, outcome_of, write_state
from workbench.store.store import Store

TICK = 0.2  # seconds
NOTICE = 1.0  # seconds for a living scheduler to see the claim
HAND_OVER = 10.0  # seconds for a living scheduler to write down the end


def run_inline(
    store: Store, run_id: str, on_tick: Callable[[], None] | None = None, worker: Sequence[str] = WORKER
) -> int:
    """Train a waiting run as a child of this process and return the worker's exit code.

    `on_tick` is called about five times a second. Ctrl-C asks the worker to write a checkpoint and stop
    (the run is then paused); a second one ends it at once. There is no retry.

    Raises:
        WorkbenchError: if the run is not waiting.
    """
    store.must_be_writable()
    paths = store.run(run_id)
    state, need = load_state(paths), read_need(paths)
    if need is None or state.state not in WAITING:
        raise WorkbenchError(f"Cannot run {run_id}: it is {state.state}.", "", USAGE)
    gpus = devices.gpus()
    machine = Machine(need.threads, devices.free_memory_mb(), as_rooms(gpus))
    learnt = Learnt()
    learnt.read(store.paths)
    decision = choose([learnt.fill(need)], [], machine, time.time())
    if not decision.start:
        reason = (decision.refuse or decision.wait)[0][1].removeprefix("Waiting for ")
        raise WorkbenchError(f"Cannot run {run_id} now: {reason}", "See `workbench doctor`.", DEVICE)
    number, device = state.attempt + 1, decision.start[0][1]
    attempt = paths.attempt(number)
    make_attempt(attempt)
    launch = make_launch(store.paths, need, number, device, gpus, worker, inline=True)
    shim = subprocess.Popen(launch.argv, stdin=subprocess.DEVNULL, env={**os.environ, **dict(launch.env)})
    with _patient(shim):
        while shim.poll() is None and not attempt.claim.exists():
            time.sleep(0.005)
        if shim.poll() != WorkerExit.ATTEMPT_TAKEN:
            _record_start(store, paths, number, device)
        while shim.poll() is None:
            if on_tick is not None:
                on_tick()
            with contextlib.suppress(subprocess.TimeoutExpired):
                shim.wait(TICK)
    if shim.returncode == WorkerExit.ATTEMPT_TAKEN:
        raise WorkbenchError(
            f"Cannot run {run_id}: the scheduler has just started it.", "Follow it there.", USAGE
        )
    while lock_held(attempt.lock):  # the shim was killed, but not its worker
        if on_tick is not None:
            on_tick()
        time.sleep(TICK)
    _record_end(store, paths)
    code = read_table(attempt.exit).get("code")
    if type(code) is int:
        return code
    return 0 if outcome_of(read_json(paths.result)) == "finished" else shim.returncode or 1


@contextlib.contextmanager
def _patient(shim: subprocess.Popen[bytes]) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a request to stop, and wait; the second time, end the worker's group."""
    heard = 0

    def hear(number: int, frame: object) -> None:
        nonlocal heard
        heard += 1
        if heard == 1:
            shim.terminate()
        else:
            _kill_worker(shim.pid)

    here = threading.current_thread() is threading.main_thread()  # others may not set handlers
    numbers = (signal.SIGINT, signal.SIGTERM) if here else ()
    old = {number: signal.signal(number, hear) for number in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _kill_worker(shim: int) -> None:
    """End the shim's child with its group; the shim then writes the exit code as usual."""
    with contextlib.suppress(OSError, ValueError):
        for child in Path(f"/proc/{shim}/task/{shim}/children").read_text().split():
            os.killpg(int(child), signal.SIGKILL)


def _record_start(store: Store, paths: RunPaths, number: int, device: str) -> None:
    """Write that the attempt runs, or let the living scheduler find the claim."""
    ring(store)
    deadline = time.monotonic() + NOTICE
    while time.monotonic() < deadline:
        with _writing(store) as mine:
            state = load_state(paths)
            if mine and state.attempt < number:
                write_state(paths, started_state(state, number, device, time.time()).moved("running"))
        if mine or state.attempt >= number:
            return
        time.sleep(0.02)  # a scheduler is alive, or a process has only tested the lock


def _record_end(store: Store, paths: RunPaths) -> None:
    """Write how it ended, or wait until the living scheduler has."""
    deadline = time.monotonic() + HAND_OVER
    while time.monotonic() < deadline:
        with _writing(store) as mine:
            state = load_state(paths)
            if mine and state.state in ACTIVE:
                state = settle(paths, state, time.time(), Limits()) or state
            if mine and state.state in OVER and state.ended is None:
                state = replace(state, ended=time.time())
            if mine:
                write_state(paths, state)
                return
        if state.state not in ACTIVE:
            return
        ring(store)
        time.sleep(0.05)


@contextlib.contextmanager
def _writing(store: Store) -> Iterator[bool]:
    """Hold the scheduler's lock for a moment; False if a scheduler lives."""
    lock = take_lock(store.paths.scheduler_lock)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)
