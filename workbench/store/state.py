"""The queue's view of one run (`state.json`): a checked state machine, and the requests made to it.

`state.json` is written only by whoever holds the store's scheduler lock. See docs/states.md.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from workbench.store.files import create_json, read_json, write_json
from workbench.store.paths import RunPaths
from workbench.store.rows import Failure, State

SCHEMA = 1
Verb = Literal["cancel", "pause", "resume", "retry", "priority"]
VERBS: tuple[Verb, ...] = get_args(Verb)
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
    document = read_json(paths.state)
    if not isinstance(document, dict) or document.get("state") not in STATES:
        return None
    known = {item.name for item in fields(RunState)}
    defaults = RunState()
    values = {
        key: value
        for key, value in document.items()
        if key in known and (value is None or _same_kind(value, getattr(defaults, key)))
    }
    return RunState(**{key: value for key, value in values.items() if value is not None})


def write_state(paths: RunPaths, state: RunState) -> None:
    """Replace `state.json`, flushed to disk."""
    write_json(paths.state, state.document())


def _same_kind(value: Any, default: Any) -> bool:
    """Whether a stored value fits its field; times default to None and must be numbers."""
    if default is None:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)


@dataclass(frozen=True)
class Request:
    """One request as found in `control/`: what is wanted of the run, and the file to delete when done."""

    verb: Verb
    value: int | None
    path: Path


def write_request(paths: RunPaths, verb: Verb, value: int | None = None) -> Path:
    """Leave a request for the scheduler; returns its file. Names sort in the order of asking."""
    paths.control.mkdir(mode=0o700, exist_ok=True)
    stamp = time.time_ns()
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
            requests.append(Request(document["verb"], value if isinstance(value, int) else None, path))
        else:
            path.unlink(missing_ok=True)
    return requests
