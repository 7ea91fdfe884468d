"""What the scheduler does at every tick: scan the store, settle ended attempts, stop, admit.

It may be killed at any time: all it knows is in the run folders, and the next one takes over the
workers that are still alive. See docs/states.md for the states.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass, field, replace

from workbench.queue import devices
from workbench.queue.active_runs import Board, Entry, started_state
from workbench.queue.attempt_command import WORKER, make_launch
from workbench.queue.executors.base import Executor, Place
from workbench.queue.executors.local import LocalExecutor
from workbench.queue.policy import Gpu, Load, Machine, choose
from workbench.queue.recovery import Limits, final_state, make_attempt, settle
from workbench.store.runs import sweep_temporary
from workbench.store.state import ACTIVE, RunState
from workbench.store.store import Store

MIB = 1 << 20
SETTLING_SECONDS = 30.0  # until a worker's memory shows in the readings
READING_SECONDS = 1.0  # between readings of memory, GPUs and disk


@dataclass(frozen=True)
class Options:
    """What may be set for one scheduler process."""

    slots: int = 0  # CPU threads for runs together; 0 takes one per core
    worker: tuple[str, ...] = WORKER
    idle: float = 60.0  # seconds with nothing to do before it ends
    grace: float = 30.0  # seconds from SIGTERM to SIGKILL
    disk_floor_mb: int = 256  # below this much free space nothing new is started
    limits: Limits = field(default_factory=Limits)


class Keeper:
    """One tick after another: look, settle, stop, admit."""

    def __init__(self, store: Store, options: Options, executor: Executor | None = None) -> None:
        self.store = store
        self.options = options
        self.slots = options.slots or devices.cores()
        self.executor = executor or LocalExecutor(store.paths)
        self.board = Board(store.paths, self.say)
        self.message = ""  # what keeps it from starting runs
        self._read_at = float("-inf")
        self._machine = Machine(self.slots, 0)
        self._gpus: tuple[devices.Gpu, ...] = ()
        self._full = ""
        self.recover()

    def recover(self) -> None:
        """Take over what the last scheduler left. Attempts that live are found alive by their locks."""
        sweep_temporary(self.store.root)
        self.board.look()
        for entry in self.under_way():
            self.say(f"{entry.paths.id}: attempt {entry.state.attempt} taken over as {entry.state.state}")

    def tick(self) -> None:
        """Do all that is to be done now."""
        self.board.look()
        self._poll()
        self._stop()
        self._admit()

    def under_way(self) -> list[Entry]:
        """Return the runs that have an attempt which may live."""
        return [e for e in self.board.live.values() if e.state.state in ACTIVE]

    def waiting(self) -> list[Entry]:
        return [e for e in self.board.live.values() if e.state.state == "queued"]

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do: nothing under way and nothing waiting."""
        return not self.under_way() and not self.waiting()

    def say(self, text: str) -> None:
        """Write a line to the scheduler's log."""
        print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)  # noqa: T201

    def _poll(self) -> None:
        """Ask after all attempts; settle those that are gone. UNKNOWN: do nothing, unless cancelled."""
        entries = {entry.key: entry for entry in self.under_way()}
        if not entries:
            return
        for key, status in self.executor.poll(entries).items():
            entry = entries[key]
            if status.place is Place.GONE:
                self._settle(entry, claimed=status.claimed)
            elif status.place is Place.RUNNING and entry.state.state == "starting":
                self._save(entry, entry.state.moved("running"))
            elif status.place is Place.UNKNOWN:
                self._wonder(entry, status.reason)

    def _wonder(self, entry: Entry, reason: str) -> None:
        """Leave an attempt alone that cannot be judged from here; a person who cancels it may."""
        if entry.stop_sent is not None and time.monotonic() - entry.stop_sent > self.options.grace:
            self._settle(entry)
        elif reason and not entry.state.stopping and entry.state.reason != reason:
            hint = "If that machine is gone for good: cancel the run, then retry it."
            self._save(entry, replace(entry.state, reason=reason, next=hint))

    def _settle(self, entry: Entry, *, claimed: bool = True) -> None:
        """Write down how an attempt ended and what follows."""
        try:
            state = settle(entry.paths, entry.state, time.time(), self.options.limits, claimed=claimed)
        except OSError as error:
            self._trouble(entry, error)
            return
        if state is not None and self._save(entry, state):
            entry.stop_sent = None
            text = f" ({state.reason})" if state.reason else ""
            self.say(f"{entry.key}: ended, now {state.state}{text}")
            self.board.apply_requests(entry)  # those that had to wait for the end
            self.board.over(entry)

    def _stop(self) -> None:
        """Ask the workers of cancelled and paused runs to stop; end those that do not within the grace."""
        for entry in self.under_way():
            if not entry.state.stopping:
                continue
            now = time.monotonic()
            if entry.stop_sent is None:
                self.executor.stop(entry.key)
                # A shim that has not claimed yet cannot be found: try again at the next tick.
                if entry.paths.attempt(entry.state.attempt).claim.exists():
                    entry.stop_sent = now
            elif now - entry.stop_sent > self.options.grace:
                self.say(f"{entry.key}: did not stop within {self.options.grace:g} s; killed")
                self.executor.stop(entry.key, kill=True)
                entry.stop_sent = now

    def _admit(self) -> None:
        """Start what the policy chooses."""
        waiting = {entry.paths.id: entry for entry in self.waiting()}
        if not waiting:
            return
        self._read_machine()
        self.message = self._full
        if self._full:
            return
        needs = [
            replace(
                entry.need,
                priority=entry.state.priority,
                age=entry.created,
                alone=entry.state.alone,
                not_before=_not_before(entry.state, self.options.limits.crash_delay),
            )
            for entry in waiting.values()
        ]
        loads = [self._load(entry) for entry in self.under_way()]
        decision = choose(needs, loads, self._machine, time.time())
        for run_id, reason in decision.refuse:
            entry = waiting[run_id]
            hint = "Cancel it and queue it for a device that is here, or retry when it is."
            failed = entry.state.moved("failed", failure="device", reason=reason, next=hint)
            if self._save(entry, replace(failed, ended=time.time())):
                self.board.over(entry)
        for run_id, device in decision.start:
            self._launch(waiting[run_id], device)

    def _launch(self, entry: Entry, device: str) -> None:
        """Start the next attempt. It is on disk as `starting` before its process exists."""
        final = final_state(entry.paths, entry.state, time.time())
        if final is not None:  # never again after a result
            self._save(entry, final)
            self.board.over(entry)
            return
        number = entry.state.attempt + 1
        attempt = entry.paths.attempt(number)
        try:
            make_attempt(attempt)
            entry.save(started_state(entry.state, number, device, time.time()))
            entry.launched = time.monotonic()
            worker = self.options.worker
            launch = make_launch(self.store.paths, entry.need, number, device, self._gpus, worker)
            self.executor.submit(launch)
        except OSError as error:  # if it was written as starting, the next poll settles it
            self._trouble(entry, error)
        else:
            self.say(f"{entry.key}: started on {device}")

    def _load(self, entry: Entry) -> Load:
        """Return what a placed run takes of the machine."""
        need = entry.need
        young = time.monotonic() - entry.launched < SETTLING_SECONDS
        device = entry.state.device or "cpu"
        share = need.gpu_share if device != "cpu" else 0.0
        return Load(device, need.threads, share, need.memory_mb, entry.state.alone, young)

    def _read_machine(self) -> None:
        """Read memory, GPUs and disk, at most once a second."""
        if time.monotonic() - self._read_at < READING_SECONDS:
            return
        self._read_at = time.monotonic()
        self._gpus = devices.gpus()
        rooms = tuple(
            Gpu(g.index, g.memory_total // MIB, (g.memory_total - g.memory_used) // MIB) for g in self._gpus
        )
        self._machine = Machine(self.slots, devices.free_memory_mb(), rooms)
        try:
            free = shutil.disk_usage(self.store.root).free // MIB
        except OSError as error:
            self._full = f"Cannot read the store: {error.strerror}."
            return
        low = free < self.options.disk_floor_mb or not os.access(self.store.root, os.W_OK)
        floor = self.options.disk_floor_mb
        why = f"Cannot start runs: {free} MiB of disk space left, {floor} are kept free. Free some space."
        self._full = why if low else ""

    def _save(self, entry: Entry, state: RunState) -> bool:
        """Write the new state; where that fails the old one stays, and the next tick tries again."""
        try:
            entry.save(state)
            return True
        except OSError as error:
            self._trouble(entry, error)
            return False

    def _trouble(self, entry: Entry, error: OSError) -> None:
        """Log an error of the disk or the system, once."""
        message = f"{entry.paths.id}: {error.strerror or error}"
        if message != self.message:
            self.say(message)
        self.message = message


def _not_before(state: RunState, longest: float) -> float:
    """Return when the run may start; further off than any delay of ours means that the clock was set back."""
    moment = state.not_before or 0.0
    return moment if moment <= time.time() + longest else 0.0
