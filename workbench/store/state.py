"""The queue's view of one run (`state.json`): a checked state machine, and the requests made to it.

`state.json` is written only by whoever holds the store's scheduler lock. See docs/states.md.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from workbench.store.files import create_json, finite, read_json, write_json
from workbench.store.paths import RunPaths
from workbench.store.run_row import Failure, State

SCHEMA = 1
Verb = Literal["cancel", "pause", "resume", "retry", "priority"]
VERBS: tuple[Verb, ...] = get_args(Verb)
PRIORITIES = range(-1000, 1001)
STATES: tuple[State, ...] = get_args(State)

TRANSITIONS: dict[State, frozenset[State]] = {
    "queued": frozenset({"starting", "paused", "cancelled", "failed", "finished"}),
    "paused": frozenset({"queued", "starting", "cancelled", "failed", "finished"}),
    "starting": frozenset({"running", "queued", "paused", "cancelled", "failed", "finished"}),
    "running": frozenset({"queued", "paused", "cancelled", "failed", "finished"}),
    "finished": frozenset(),
    "failed": frozenset({"queued", "finished"}),  # finished: a result that was seen late
    "cancelled": frozenset({"queued", "finished", "failed"}),
}
OVER: tuple[State, ...] = ("finished", "failed", "cancelled")


class IllegalTransition(ValueError):
    """A change of state that the diagram in docs/states.md does not have."""


@dataclass(frozen=True)
class RunState:
    """Where a run stands in the queue. Absent fields of old files take the defaults."""

    state: State = "queued"
    attempt: int = 0  # number of the last attempt; attempts are never reused
    tries: int = 0  # attempts in a row that ended badly without getting further
    priority: int = 0
    reason: str = ""  # one sentence
    failure: Failure = ""
    next: str = ""
    device: str = ""
    queued: float | None = None
    started: float | None = None
    ended: float | None = None
    not_before: float | None = None  # a retry waits until then
    stopping: str = ""  # cancel or pause: the worker has been asked to stop
    checkpoint: int = -1  # step of the newest checkpoint when the last attempt ended
    alone: bool = False  # ran out of memory beside others: next time without neighbours

    def moved(self, state: State, **changes: Any) -> RunState:
        """Return this state after a transition; raises IllegalTransition if the diagram has none."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"{self.state} → {state}")
        return replace(self, state=state, **changes)

    def with_outcome(self, outcome: str) -> RunState:
        """Return the state that a committed result stands for, whatever was written here before."""
        if outcome == "finished":
            return replace(self, state="finished", reason="", failure="", next="", stopping="")
        reason = "Every seed diverged: the loss or a state became infinite or not a number."
        hint = "Lower a learning rate or step size and queue it again; a retry would diverge again."
        return replace(self, state="failed", reason=reason, failure="diverged", next=hint, stopping="")

    def document(self) -> dict[str, Any]:
        """Return the JSON document."""
        return {"schema": SCHEMA, **asdict(self)}


def read_state(paths: RunPaths) -> RunState | None:
    """Return what `state.json` says, or None if it is absent or damaged."""
    return state_of(read_json(paths.state))


def state_of(document: Any) -> RunState | None:
    """Return a parsed `state.json` as a state, or None if it is none; fields of a wrong type are left out."""
    if not isinstance(document, dict) or document.get("state") not in STATES:
        return None
    values = {
        key: fitted
        for key, default in _DEFAULTS.items()
        if key in document and (fitted := _fitted(document[key], default)) is not None
    }
    return RunState(**values)


def write_state(paths: RunPaths, state: RunState) -> None:
    """Replace `state.json`, flushed to disk."""
    write_json(paths.state, state.document())


def _fitted(value: Any, default: Any) -> Any:
    """Return a stored value if it fits its field, else None; times default to None and must be numbers."""
    if default is None:
        return finite(value)
    return value if type(value) is type(default) else None


_DEFAULTS = {item.name: item.default for item in fields(RunState)}


@dataclass(frozen=True)
class Request:
    """One request as found in `control/`: what is wanted of the run, and the file to delete when done."""

    verb: Verb
    value: int | None
    path: Path


def write_request(paths: RunPaths, verb: Verb, value: int | None = None) -> Path:
    """Leave a request for the scheduler; returns its file. Names sort in the order of asking.

    They do so even where the clock has been set back between two requests.
    """
    paths.control.mkdir(mode=0o700, exist_ok=True)
    waiting = (path.name.partition("-")[0] for path in paths.control.iterdir())
    earlier = (int(word) for word in waiting if re.fullmatch("0[0-9]{19}", word))
    stamp = max(time.time_ns(), *(known + 1 for known in earlier), 0)
    while True:
        path = paths.control / f"{stamp:020d}-{verb}.json"
        if create_json(path, {"schema": SCHEMA, "verb": verb, "value": value, "time": stamp / 1e9}):
            return path
        stamp += 1


def read_requests(paths: RunPaths) -> list[Request]:
    """Return the waiting requests, oldest first. A file that makes no sense is deleted."""
    try:
        files = sorted(p for p in paths.control.iterdir() if p.suffix == ".json" and p.name[0] != ".")
    except OSError:
        return []
    requests = []
    for path in files:
        document = read_json(path)
        if isinstance(document, dict) and document.get("verb") in VERBS:
            value = document.get("value")
            known = type(value) is int and value in PRIORITIES
            requests.append(Request(document["verb"], value if known else None, path))
        else:
            with contextlib.suppress(OSError):  # a folder, or not ours to delete: it is only skipped
                path.unlink()
    return requests
