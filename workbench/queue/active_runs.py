"""The scheduler's memory: the live runs, found by scanning the store only where something changed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from workbench.queue.attempt_command import read_need
from workbench.queue.policy import Need
from workbench.queue.transitions import Verdict, apply
from workbench.store.files import read_json
from workbench.store.json_fields import items, number, read_table
from workbench.store.paths import RUN_ID, RunPaths, StorePaths
from workbench.store.runs import run_ids
from workbench.store.state import (
    ACTIVE,
    OVER,
    WAITING,
    RunState,
    load_state,
    read_requests,
    run_state,
    state_of,
    unwritten_state,
    write_state,
)

LOOK_SECONDS = 5.0  # between full looks without a ring of the bell
UNSETTLED_NS = 2 * 10**9  # a folder as young as this may change again within the same clock tick

Say = Callable[[str], None]


@dataclass
class Entry:
    """One run that is not over."""

    paths: RunPaths
    state: RunState
    need: Need
    created: float
    after: tuple[str, ...] = ()  # runs that must finish first
    stop_sent: float | None = None  # monotonic time of the first SIGTERM
    launched: float = 0.0  # monotonic
    known: tuple[RunState, int, Need] | None = None  # its need, and from what that was worked out
    seen: tuple[int, int] = (0, 0)  # modification times of what others write; 0: look again
    changed: Callable[[], None] = lambda: None  # called with each new state

    @property
    def key(self) -> str:
        """Name of the current attempt, as executors know it."""
        return f"{self.paths.id}.{self.state.attempt}"

    @cached_property
    def folders(self) -> tuple[str, str]:
        """Where clients write, as text: it is looked at every few seconds."""
        return os.fspath(self.paths.control), os.fspath(self.paths.attempts)

    def save(self, state: RunState) -> None:
        """Take on a new state; on disk first, so that an error leaves both as they were."""
        if state != self.state:
            write_state(self.paths, state)
            self.state = state
            self.changed()


class Board:
    """All live runs of a store, and the ids of those that are over."""

    def __init__(self, store: StorePaths, say: Say) -> None:
        self.store = store
        self.live: dict[str, Entry] = {}
        self._over: dict[str, int] = {}  # run that is over → modification time of its control folder
        self._say = say
        self._signs: tuple[int, int] = (0, 0)
        self._looked = float("-inf")
        self.version = 0  # rises with every change of what is live
        self._sorted: tuple[int, list[Entry], list[Entry]] = (-1, [], [])

    def under_way(self) -> list[Entry]:
        """Return the runs that have an attempt which may live."""
        return self._by_state()[1]

    def waiting(self) -> list[Entry]:
        """Return the queued runs."""
        return self._by_state()[2]

    def _by_state(self) -> tuple[int, list[Entry], list[Entry]]:
        """Return the live runs by what is to be done with them, found anew only after a change."""
        if self._sorted[0] != self.version:
            active = [entry for entry in self.live.values() if entry.state.state in ACTIVE]
            queued = [entry for entry in self.live.values() if entry.state.state == "queued"]
            self._sorted = (self.version, active, queued)
        return self._sorted

    def touch(self) -> None:
        """Note a change of what is live."""
        self.version += 1

    def look(self) -> bool:
        """Bring the board up to date if the store has changed; returns whether there was a full look."""
        signs = self.signs()
        if signs == self._signs and time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        # The signs are taken before the look: what changes during it is seen by the next one.
        self._signs, self._looked = signs, time.monotonic()
        present = set(run_ids(self.store.root))
        for gone in (self.live.keys() | self._over.keys()) - present:
            self.live.pop(gone, None)
            self._over.pop(gone, None)
            self.touch()
        for run_id in present - self.live.keys() - self._over.keys():
            try:
                self._enter(run_id)
            except Exception as error:  # one damaged run must not stop the others
                self._say(f"{run_id}: cannot read it; left alone ({type(error).__name__}: {error})")
                self._over[run_id] = 0
        for run_id, seen in list(self._over.items()):
            self._look_at_over(run_id, seen)
        for entry in list(self.live.values()):
            self._look_at_live(entry)
        return True

    def signs(self) -> tuple[int, int]:
        """Return what changes when a run is added or a client rings the bell."""
        return modified(self.store.root), modified(self.store.bell)

    def over(self, entry: Entry) -> None:
        """Move a run that has ended off the board."""
        if entry.state.state in OVER:
            self.live.pop(entry.paths.id, None)
            self._over[entry.paths.id] = 0
            self.touch()

    def _enter(self, run_id: str) -> None:
        """Take a run on: to the live ones, or to those that are over.

        A result that was committed while no scheduler was alive is recorded in `state.json` now.
        """
        paths = self.store.run(run_id)
        written = state_of(read_json(paths.state))
        state = written or unwritten_state(paths, read_json(paths.origin))
        if state.state != "finished":  # else nothing can change, and thousands of results need not be read
            state = run_state(state, read_json(paths.result))
        if state.state in OVER:
            self._over[run_id] = 0
            if state != written:
                with contextlib.suppress(OSError):  # a full disk: the next scheduler tries again
                    write_state(paths, state)
            return
        need = read_need(paths)
        if need is None:
            if paths.origin.exists():
                self._say(f"{run_id}: cannot read its spec.toml; the run is left alone")
            self._over[run_id] = 0
            return
        self.live[run_id] = self._entry(paths, state, need)
        self.touch()

    def _look_at_over(self, run_id: str, seen: int) -> None:
        """Apply requests for a run that is over (retry); drop those that have no effect."""
        paths = self.store.run(run_id)
        stamp = modified(paths.control)
        if stamp == seen:
            return
        requests = read_requests(paths)
        if requests:
            state, need = load_state(paths), read_need(paths)
            if need is not None:
                entry = self._entry(paths, state, need)
                self.apply_requests(entry)
                if entry.state.state not in OVER:
                    self.live[run_id] = entry
                    self.touch()
                    del self._over[run_id]
                    return
        settled = stamp < time.time_ns() - UNSETTLED_NS
        self._over[run_id] = stamp if settled else 0

    def _look_at_live(self, entry: Entry) -> None:
        """Notice what clients have written for a live run; two `stat` calls where there is nothing new."""
        control, attempts = entry.folders
        seen = (modified(control), modified(f"{attempts}/{entry.state.attempt + 1}"))  # where claims appear
        if seen == entry.seen:
            return
        self._notice_claim(entry)
        self.apply_requests(entry)
        settled = max(seen) < time.time_ns() - UNSETTLED_NS
        entry.seen = seen if settled and not read_requests(entry.paths) else (0, 0)

    def _notice_claim(self, entry: Entry) -> None:
        """Record that a waiting run is under way if a foreground process has claimed its next attempt."""
        if entry.state.state not in WAITING:
            return
        attempt = entry.state.attempt + 1
        claim = read_table(entry.paths.attempt(attempt).claim)
        if claim and "void" not in claim:
            with contextlib.suppress(OSError):
                entry.save(started_state(entry.state, attempt, str(claim.get("device", "")), time.time()))

    def _entry(self, paths: RunPaths, state: RunState, need: Need) -> Entry:
        origin = read_table(paths.origin)
        names = [name for name in items(origin.get("after")) if isinstance(name, str)]
        after = tuple(name for name in names if RUN_ID.match(name))
        created = number(origin.get("created")) or 0.0
        return Entry(paths, state, need, created, after, changed=self.touch)

    def apply_requests(self, entry: Entry) -> None:
        """Apply the waiting requests in order; the file goes only when the new state is on disk."""
        for request in read_requests(entry.paths):
            answer = apply(entry.state, request.verb, request.value, time.time(), request.place)
            if answer is Verdict.DEFER:
                return
            try:
                if isinstance(answer, RunState):
                    entry.save(answer)
                    self._say(f"{entry.paths.id}: {request.verb}")
                request.path.unlink(missing_ok=True)
            except OSError as error:
                self._say(f"{entry.paths.id}: cannot record {request.verb}: {error}")
                return
        if entry.paths.id in self.live:
            self.over(entry)


def started_state(state: RunState, number: int, device: str, now: float) -> RunState:
    """Return the state of a waiting run at the start of attempt `number`."""
    started = state.started if state.started is not None else now
    moved = state.moved("starting", attempt=number, device=device, started=started)
    return replace(moved, reason="", failure="", next="", not_before=None, ended=None, stopping="")


def modified(path: Path | str) -> int:
    """Return the modification time in nanoseconds, 0 if there is no such file."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - of text it takes a third of the time
    except OSError:
        return 0
