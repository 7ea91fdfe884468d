"""A run's state: the groups of states, the transitions and requests between them, and `state.json`.

`state.json` is written only by the holder of the store's scheduler lock. See docs/states.md.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from workbench.store.files import create_json, read_json, write_json
from workbench.store.json_fields import number, read_table, table, whole
from workbench.store.paths import RunPaths

SCHEMA = 1
State = Literal["queued", "starting", "running", "paused", "finished", "failed", "cancelled"]
Failure = Literal[
    "crash",
    "out-of-memory",
    "diverged",
    "lost",
    "evaluation",
    "bad-input",
    "device",
    "machine",
    "time-limit",
    "",
]
Verb = Literal["cancel", "pause", "resume", "retry", "priority", "move"]
STATES: tuple[State, ...] = get_args(State)
VERBS: tuple[Verb, ...] = get_args(Verb)
PRIORITIES = range(-1000, 1001)

WAITING: tuple[State, ...] = ("queued", "paused")
ACTIVE: tuple[State, ...] = ("starting", "running")  # an attempt is under way
SCHEDULED: tuple[State, ...] = ("queued", *ACTIVE)  # the scheduler has to act on it
LIVE: tuple[State, ...] = (*SCHEDULED, "paused")
OVER: tuple[State, ...] = ("finished", "failed", "cancelled")

# The states in which each request has an effect.
ALLOWED: dict[Verb, tuple[State, ...]] = {
    "cancel": LIVE,
    "pause": SCHEDULED,
    "resume": ("paused",),
    "retry": ("failed", "cancelled"),
    "priority": LIVE,
    "move": WAITING,
}

TRANSITIONS: dict[State, frozenset[State]] = {
    "queued": frozenset({"starting", "paused", "cancelled", "failed", "finished"}),
    "paused": frozenset({"queued", "starting", "cancelled", "failed", "finished"}),
    "starting": frozenset({"running", "queued", "paused", "cancelled", "failed", "finished"}),
    "running": frozenset({"queued", "paused", "cancelled", "failed", "finished"}),
    "finished": frozenset(),
    "failed": frozenset({"queued", "finished"}),  # finished: a result that was seen late
    "cancelled": frozenset({"queued", "finished", "failed"}),
}


class IllegalTransition(ValueError):
    """A change of state that the diagram in docs/states.md does not have."""


@dataclass(frozen=True)
class RunState:
    """A run's place in the queue. Absent fields of old files take the defaults."""

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
    stopping: str = ""  # cancel, pause or time-limit: the worker has been asked to stop
    checkpoint: int = -1  # step of the newest checkpoint when the last attempt ended
    alone: bool = False  # ran out of memory beside others: next time without neighbours
    faults: int = 0  # attempts in a row that ended by a fault of the machine; they are no tries
    avoid: str = ""  # the GPU of the last such fault
    place: float | None = None  # where it was moved to among runs of its priority; else its creation counts
    spent: float = 0.0  # seconds of its earlier attempts, which count for its time limit

    def moved(self, state: State, **changes: Any) -> RunState:
        """Return this state after a transition.

        Raises:
            IllegalTransition: if the diagram does not have it.
        """
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"{self.state} → {state}")
        return replace(self, state=state, **changes)

    def document(self) -> dict[str, Any]:
        """Return the JSON document."""
        return {"schema": SCHEMA, **asdict(self)}


_DEFAULTS = {item.name: item.default for item in fields(RunState)}


def run_state(state: RunState, result: Any) -> RunState:
    """Return a run's state from what `state.json` says and the parsed `result.json`.

    Lists, panes and queue share this rule. A committed result overrides `state.json`; one with an outcome
    that this version does not know does not.
    """
    outcome = outcome_of(result)
    if outcome is None:
        return state
    ended = state.ended if state.ended is not None else number(result.get("finished"))
    state = replace(state, reason="", failure="", next="", stopping="", ended=ended)
    if outcome == "finished":
        return replace(state, state="finished")
    reason = "Every seed diverged: the loss or a state became infinite or not a number."
    if first := str(result.get("diverged_tensor") or "")[:200]:
        reason += f" First non-finite tensor: {first}."
    hint = "Lower a learning rate or step size and queue it again; a retry would diverge again."
    return replace(state, state="failed", reason=reason, failure="diverged", next=hint)


def outcome_of(result: Any) -> Literal["finished", "diverged"] | None:
    """Return the outcome of a parsed `result.json`, or None if it commits nothing that this version knows."""
    outcome = table(result).get("outcome")
    return outcome if outcome in ("finished", "diverged") else None


def state_of(document: Any) -> RunState | None:
    """Return a parsed `state.json` as a state, or None if it is none; fields of a wrong type are left out."""
    if not isinstance(document, dict) or document.get("state") not in STATES:
        return None
    values: dict[str, Any] = {}
    for key, default in _DEFAULTS.items():  # times default to None and must be numbers
        value = document.get(key)
        fitted = number(value) if default is None else value if type(value) is type(default) else None
        if fitted is not None:
            values[key] = fitted
    return RunState(**values)


def unwritten_state(paths: RunPaths, origin: Any) -> RunState:
    """Return the state of a run without a readable `state.json`, given its parsed `origin.json`.

    The attempts show how far it got: a claimed number is never used again.
    """
    origin = table(origin)
    state = RunState(priority=whole(origin.get("priority")), queued=number(origin.get("created")))
    try:
        numbers = [int(name) for name in os.listdir(paths.attempts) if name.isdecimal()]  # noqa: PTH208 - speed
    except OSError:
        return state
    newest = max((n for n in numbers if paths.attempt(n).claim.exists()), default=0)
    return replace(state, state="starting", attempt=newest) if newest else state


def load_state(paths: RunPaths) -> RunState:
    """Return the run's state from the files in its folder, by the rule of `run_state`."""
    state = state_of(read_json(paths.state)) or unwritten_state(paths, read_json(paths.origin))
    return run_state(state, read_json(paths.result))


def write_state(paths: RunPaths, state: RunState) -> None:
    """Replace `state.json`, flushed to disk."""
    write_json(paths.state, state.document())


@dataclass(frozen=True)
class Request:
    """One request as found in `control/`: what is wanted of the run, and the file to delete when done."""

    verb: Verb
    value: int | None
    path: Path
    place: float | None = None  # of "move"


def write_request(paths: RunPaths, verb: Verb, value: int | None = None, place: float | None = None) -> Path:
    """Leave a request for the scheduler; returns its file. Names sort in the order of submission.

    They do so even where the clock has been set back between two requests.
    """
    paths.control.mkdir(mode=0o700, exist_ok=True)
    waiting = (path.name.partition("-")[0] for path in paths.control.iterdir())
    earlier = (int(word) for word in waiting if re.fullmatch("0[0-9]{19}", word))
    stamp = max(time.time_ns(), *(known + 1 for known in earlier), 0)
    while True:
        path = paths.control / f"{stamp:020d}-{verb}.json"
        more = {} if place is None else {"place": place}
        if create_json(path, {"schema": SCHEMA, "verb": verb, "value": value, "time": stamp / 1e9, **more}):
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
        document = read_table(path)
        if document.get("verb") in VERBS:
            value = document.get("value")
            known = type(value) is int and value in PRIORITIES
            place = number(document.get("place"))
            requests.append(Request(document["verb"], value if known else None, path, place))
        else:
            with contextlib.suppress(OSError):  # a folder, or not ours to delete: it is only skipped
                path.unlink()
    return requests
