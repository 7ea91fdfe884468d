"""The scheduler's memory: which runs live, found by looking at the store only where something changed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.queue.attempt_command import read_need
from workbench.queue.policy import Need
from workbench.queue.recovery import committed, load_state
from workbench.queue.transitions import Verdict, apply
from workbench.store.files import finite, read_json
from workbench.store.paths import RunPaths, StorePaths
from workbench.store.runs import run_ids
from workbench.store.state import OVER, RunState, read_requests, write_state

LOOK_SECONDS = 5.0  # between full looks when nobody rings
UNSETTLED_NS = 2 * 10**9  # a folder as young as this may change again within the same clock tick

Say = Callable[[str], None]


@dataclass
class Entry:
    """One run that is not over."""

    paths: RunPaths
    state: RunState
    need: Need
    created: float
    stop_sent: float | None = None  # monotonic time of the first SIGTERM
    launched: float = 0.0  # monotonic

    @property
    def key(self) -> str:
        """Name of the current attempt, as executors know it."""
        return f"{self.paths.id}.{self.state.attempt}"

    def save(self, state: RunState) -> None:
        """Take on a new state; on disk first, so that an error leaves both as they were."""
        if state != self.state:
            write_state(self.paths, state)
            self.state = state


class Board:
    """All live runs of a store, and the ids of those that are over."""

    def __init__(self, store: StorePaths, say: Say) -> None:
        self.store = store
        self.live: dict[str, Entry] = {}
        self._over: dict[str, int] = {}  # run that is over → modification time of its control folder
        self._say = say
        self._signs: tuple[int, int] = (0, 0)
        self._looked = float("-inf")

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
        for run_id in present - self.live.keys() - self._over.keys():
            try:
                self._enter(run_id)
            except Exception as error:  # one damaged run must not keep the others from being looked after
                self._say(f"{run_id}: cannot be read and is left alone ({type(error).__name__}: {error})")
                self._over[run_id] = 0
        for run_id, seen in list(self._over.items()):
            self._look_at_over(run_id, seen)
        for entry in list(self.live.values()):
            self._notice_claim(entry)
            self.apply_requests(entry)
        return True

    def signs(self) -> tuple[int, int]:
        """Return what changes when a run is added or a client rings."""
        return _modified(self.store.root), _modified(self.store.bell)

    def over(self, entry: Entry) -> None:
        """Move a run that has ended off the board."""
        if entry.state.state in OVER:
            self.live.pop(entry.paths.id, None)
            self._over[entry.paths.id] = 0

    def _enter(self, run_id: str) -> None:
        """Take a run on: to the live ones, or to those that are over."""
        paths = self.store.run(run_id)
        if committed(paths) is not None or (state := load_state(paths)).state in OVER:
            self._over[run_id] = 0
            return
        need = read_need(paths)
        if need is None:
            if paths.origin.exists():
                self._say(f"{run_id}: its spec.toml cannot be read; the run is left alone")
            self._over[run_id] = 0
            return
        self.live[run_id] = Entry(paths, state, need, _created(paths))

    def _look_at_over(self, run_id: str, seen: int) -> None:
        """See whether somebody wants a run back that is over (retry); drop what makes no sense."""
        paths = self.store.run(run_id)
        stamp = _modified(paths.control)
        if stamp == seen:
            return
        requests = read_requests(paths)
        if requests:
            state, need = load_state(paths), read_need(paths)
            if need is not None:
                entry = Entry(paths, state, need, _created(paths))
                self.apply_requests(entry)
                if entry.state.state not in OVER:
                    self.live[run_id] = entry
                    del self._over[run_id]
                    return
        settled = stamp < time.time_ns() - UNSETTLED_NS
        self._over[run_id] = stamp if settled else 0

    def _notice_claim(self, entry: Entry) -> None:
        """A waiting run whose next attempt somebody has claimed (in the foreground) is under way."""
        if entry.state.state not in ("queued", "paused"):
            return
        attempt = entry.paths.attempt(entry.state.attempt + 1)
        claim = read_json(attempt.claim)
        if isinstance(claim, dict) and "void" not in claim:
            device = str(claim.get("device", ""))
            number = entry.state.attempt + 1
            with contextlib.suppress(OSError):
                entry.save(started_state(entry.state, number, device, time.time()))

    def apply_requests(self, entry: Entry) -> None:
        """Apply the waiting requests in order; the file goes only when the new state is on disk."""
        for request in read_requests(entry.paths):
            answer = apply(entry.state, request.verb, request.value, time.time())
            if answer is Verdict.DEFER:
                return
            try:
                if isinstance(answer, RunState):
                    entry.save(answer)
                    self._say(f"{entry.paths.id}: {request.verb}")
                request.path.unlink(missing_ok=True)
            except OSError as error:
                self._say(f"{entry.paths.id}: {request.verb} could not be recorded: {error}")
                return
        if entry.paths.id in self.live:
            self.over(entry)


def started_state(state: RunState, number: int, device: str, now: float) -> RunState:
    """Return the state of a waiting run at the start of attempt `number`."""
    started = state.started if state.started is not None else now
    moved = state.moved("starting", attempt=number, device=device, started=started)
    return replace(moved, reason="", failure="", next="", not_before=None, ended=None, stopping="")


def _created(paths: RunPaths) -> float:
    origin = read_json(paths.origin)
    return finite(origin.get("created")) or 0.0 if isinstance(origin, dict) else 0.0


def _modified(path: Path) -> int:
    """Return the modification time in nanoseconds, 0 if there is no such file."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
