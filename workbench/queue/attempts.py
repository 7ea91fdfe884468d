"""What the scheduler does at every tick: scan the store, settle ended attempts, stop, admit.

It may be killed at any time: all it knows is in the run folders, and the next one takes over the
workers that are still alive. See docs/states.md for the states.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import dataclass, field, replace

from workbench.errors import WorkbenchError
from workbench.exit_codes import MACHINE_FAULTS
from workbench.queue import devices
from workbench.queue.active_runs import Board, Entry, started_state
from workbench.queue.attempt_command import WORKER, make_launch
from workbench.queue.executors.base import Executor, Place
from workbench.queue.executors.local import LocalExecutor
from workbench.queue.learnt import Learnt
from workbench.queue.notify import call_later, message
from workbench.queue.policy import Load, Machine, Need, choose
from workbench.queue.readings import Readings
from workbench.queue.recovery import Limits, attempt_seconds, final_state, make_attempt, settle
from workbench.settings import user_settings
from workbench.store.files import write_json
from workbench.store.json_fields import read_table, table
from workbench.store.paths import RunPaths
from workbench.store.runs import read_row, sweep_files, sweep_temporary
from workbench.store.state import OVER, RunState, load_state
from workbench.store.store import Store
from workbench.store.usage import read_usage

ASK_SECONDS = 5.0  # between looks at the policy while nothing of ours changes
SETTLING_SECONDS = 30.0  # until a worker's memory shows in the readings


@dataclass(frozen=True)
class Options:
    """What may be set for one scheduler process."""

    slots: int = 0  # CPU threads for runs together; 0 takes one per core
    worker: tuple[str, ...] = WORKER
    idle: float = 60.0  # seconds with nothing to do before it ends
    grace: float = 30.0  # seconds from SIGTERM to SIGKILL
    disk_floor_mb: int = 256  # below this much free space nothing new is started
    runs_per_gpu: int = 4
    gpu_runs: int = 0  # on all GPUs together; 0 sets no limit
    limits: Limits = field(default_factory=Limits)


class Keeper:
    """One tick after another: look, settle, stop, admit."""

    def __init__(self, store: Store, options: Options, executor: Executor | None = None) -> None:
        self.store = store
        self.options = options
        self.slots = options.slots or devices.cores()
        self.executor = executor or LocalExecutor(store.paths)
        self.board = Board(store.paths, self.say)
        limits = Machine(self.slots, 0, runs_per_gpu=options.runs_per_gpu, gpu_runs=options.gpu_runs)
        self.readings = Readings(store, limits, options.disk_floor_mb)
        self.message = ""  # what keeps it from starting runs
        self._learnt: Learnt | None = None
        self._asked, self._ask_again = -1, 0.0  # version of the board and time of the last look at the policy
        self._waits: dict[str, str] | None = None  # as in the file; None: written by an earlier scheduler
        self.recover()

    def recover(self) -> None:
        """Take over what the last scheduler left. Attempts that live are found alive by their locks."""
        sweep_temporary(self.store.root)
        self.board.look()
        for entry in self.board.under_way():
            self.say(f"{entry.paths.id}: attempt {entry.state.attempt} taken over as {entry.state.state}")

    def tick(self) -> None:
        """Do all that is to be done now."""
        self.board.look()
        self._poll()
        self._end_late()
        self._stop()
        self._admit()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do: nothing under way and nothing waiting."""
        return not self.board.under_way() and not self.board.waiting()

    def say(self, text: str) -> None:
        """Write a line to the scheduler's log; a full disk must not end the scheduler for it."""
        with contextlib.suppress(OSError):
            print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)  # noqa: T201

    def _poll(self) -> None:
        """Ask after all attempts; settle those that are gone. UNKNOWN: do nothing, unless cancelled."""
        entries = {entry.key: entry for entry in self.board.under_way()}
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
            sweep_files(entry.paths, state.attempt)
            entry.stop_sent = None
            text = f" ({state.reason})" if state.reason else ""
            self.say(f"{entry.key}: ended, now {state.state}{text}")
            if state.failure == "machine" and not state.avoid:
                self.readings.hold(state.reason)
            self._past().note(entry.need.group, read_usage(entry.paths.attempt(state.attempt)))
            self.board.apply_requests(entry)  # those that had to wait for the end
            self._over(entry)

    def _end_late(self) -> None:
        """Ask runs beyond their time limit to stop; they keep their checkpoint."""
        for entry in self.board.under_way():
            limit, state = 60.0 * entry.need.minutes, entry.state
            if not limit or state.stopping:
                continue
            if state.spent + attempt_seconds(entry.paths.attempt(state.attempt), time.time()) > limit:
                reason = "At its time limit: it stops after a checkpoint."
                self._save(entry, replace(state, stopping="time-limit", reason=reason))

    def _stop(self) -> None:
        """Ask the workers of cancelled and paused runs to stop; end those that do not within the grace."""
        for entry in self.board.under_way():
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
        """Start what the policy chooses, and write down why the others wait.

        The policy is asked when a run or the disk has changed, and else every few seconds for free memory.
        """
        if not self.board.waiting():
            self._explain({})
            self.message = ""
            return
        before = self.message
        self.readings.refresh()
        self.message = self.readings.obstacle
        now = time.time()
        if self.board.version == self._asked and self.message == before and now < self._ask_again:
            return
        behind = self._follow_others()
        waiting = {e.paths.id: e for e in self.board.waiting() if e.paths.id not in behind}
        self._asked, self._ask_again = self.board.version, now + ASK_SECONDS
        if self.message:
            self._explain(behind)
            return
        loads = [self._load(entry) for entry in self.board.under_way()]
        needs = [self._need(entry) for entry in waiting.values()]
        self._ask_again = min(
            [self._ask_again, *(need.not_before for need in needs if need.not_before > now)]
        )
        decision = choose(needs, loads, self.readings.machine, now)
        for run_id, reason in decision.refuse:
            entry = waiting[run_id]
            hint = "Cancel it and queue it for a device that is here, or retry when it is."
            failed = entry.state.moved("failed", failure="device", reason=reason, next=hint)
            if self._save(entry, replace(failed, ended=time.time())):
                self._over(entry)
        for run_id, device in decision.start:
            self._launch(waiting[run_id], device)
        self._explain(dict(decision.wait) | behind)

    def _need(self, entry: Entry) -> Need:
        """Return what a waiting run needs now, worked out again where its state or what is learnt changed."""
        learnt, state = self._past(), entry.state
        if entry.known is None or entry.known[:2] != (state, learnt.version):
            need = replace(
                learnt.fill(entry.need),
                priority=state.priority,
                age=entry.created if state.place is None else state.place,
                alone=state.alone,
                avoid=state.avoid,
                not_before=_not_before(state, self.options.limits),
            )
            entry.known = (state, learnt.version, need)
        return entry.known[2]

    def _past(self) -> Learnt:
        """Return what earlier runs took, read when it is first needed."""
        if self._learnt is None:
            self._learnt = Learnt()
            self._learnt.read(self.store.paths)
        return self._learnt

    def _explain(self, waits: dict[str, str]) -> None:
        """Write why runs wait, for those who look at the queue."""
        if waits == self._waits or (not waits and not self.store.paths.waiting.exists()):
            return
        with contextlib.suppress(OSError):  # then the old reasons are shown
            write_json(self.store.paths.waiting, {"schema": 1, "waits": waits}, durable=False)
            self._waits = waits

    def _follow_others(self) -> dict[str, str]:
        """Return the waiting runs that must not start before others have finished, with that reason.

        If one of those others cannot finish any more, the run is cancelled.
        """
        behind: dict[str, str] = {}
        for entry in [entry for entry in self.board.waiting() if entry.after]:
            for name in entry.after:
                paths = self.store.run(name)
                other = self.board.live[name].state if name in self.board.live else load_state(paths)
                if other.state == "finished":
                    continue
                if paths.root.is_dir() and other.state not in OVER:
                    behind[entry.paths.id] = f"Waiting for {name} to finish."
                    continue
                how = f"was {other.state}" if other.state == "cancelled" else other.state
                how = how if paths.root.is_dir() else "was removed"
                reason = f"It was to follow {name}, which {how}."
                over = entry.state.moved("cancelled", ended=time.time(), reason=reason, failure="", next="")
                if self._save(entry, over):
                    self._over(entry)
                break
            else:
                if entry.paths.id not in behind:
                    entry.after = ()
        return behind

    def _launch(self, entry: Entry, device: str) -> None:
        """Start the next attempt. It is on disk as `starting` before its process exists."""
        final = final_state(entry.paths, entry.state, time.time())
        if final is not None:  # never again after a result
            self._save(entry, final)
            self._over(entry)
            return
        number = entry.state.attempt + 1
        attempt = entry.paths.attempt(number)
        try:
            make_attempt(attempt)
            entry.save(started_state(entry.state, number, device, time.time()))
            entry.launched = time.monotonic()
            worker = self.options.worker
            launch = make_launch(self.store.paths, entry.need, number, device, self.readings.gpus, worker)
            self.executor.submit(launch)
        except OSError as error:  # if it was written as starting, the next poll settles it
            self._trouble(entry, error)
        else:
            self.say(f"{entry.key}: started on {device}")

    def _load(self, entry: Entry) -> Load:
        """Return what a placed run takes of the machine."""
        usage = read_usage(entry.paths.attempt(entry.state.attempt))
        learnt = self._past()
        learnt.note(entry.need.group, usage)  # others of its group need not wait for its end
        need = replace(learnt.fill(entry.need), alone=entry.state.alone)
        young = time.monotonic() - entry.launched < SETTLING_SECONDS
        return Load(need, entry.state.device or "cpu", usage.gpu_mb if usage else 0, young)

    def _over(self, entry: Entry) -> None:
        """Take a run that has ended off the board, and call the user's command."""
        self.board.over(entry)
        if entry.state.state not in OVER:
            return
        event = "diverged" if entry.state.failure == "diverged" else entry.state.state
        self._notify(event, entry.paths)
        if self.idle:
            self._notify("empty", entry.paths)

    def _notify(self, event: str, paths: RunPaths) -> None:
        """Call the user's command for a run, or for the queue that it left empty."""
        chosen = table(read_table(paths.origin).get("variables"))
        environ = {**os.environ, **{k: v for k, v in chosen.items() if isinstance(v, str)}}
        try:
            command = user_settings(environ).notify
        except WorkbenchError as error:
            self.say(str(error))
            return
        if not command:
            return
        row = read_row(paths) if event != "empty" else None
        body = None if row is None else {**vars(row), "eta": row.eta}
        call_later(command, message(event, self.store.root, body), self.say)

    def _save(self, entry: Entry, state: RunState) -> bool:
        """Write the new state; where that fails the old one stays, and the next tick tries again."""
        try:
            entry.save(state)
            return True
        except OSError as error:
            self._trouble(entry, error)
            return False

    def _trouble(self, entry: Entry, error: OSError) -> None:
        """Log an error of the disk or the system, once; a fault of the machine holds the queue."""
        message = f"{entry.paths.id}: {error.strerror or error}."
        if message != self.message:
            self.say(message)
        self.message = message
        if error.errno in MACHINE_FAULTS:
            self.readings.hold(message)


def _not_before(state: RunState, limits: Limits) -> float:
    """Return when the run may start; further off than any delay of ours means that the clock was set back."""
    moment, longest = state.not_before or 0.0, max(limits.crash_delay, limits.longest_delay)
    return moment if moment <= time.time() + longest else 0.0
