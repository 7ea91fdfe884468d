"""What a request does to a run's state: a pure function."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from workbench.store.state import ACTIVE, ALLOWED, RunState, Verb


class Verdict(Enum):
    """What to do with a request that changes nothing now."""

    DROP = "drop"  # it makes no sense any more
    DEFER = "defer"  # it waits until the worker has stopped


def apply(
    state: RunState, verb: Verb, value: int | None, now: float, place: float | None = None
) -> RunState | Verdict:
    """Return the run's state after a request. A state with `stopping` set asks the worker to stop.

    `value` is a priority; `place` is that of "move" among the runs of this priority.
    """
    if verb in ("resume", "retry") and state.stopping:
        return Verdict.DEFER
    if state.state not in ALLOWED[verb] or state.failure == "diverged":
        return Verdict.DROP
    if verb == "priority":
        return Verdict.DROP if value is None else replace(state, priority=value)
    if verb == "move":
        return Verdict.DROP if value is None or place is None else replace(state, priority=value, place=place)
    if verb in ("resume", "retry"):
        return state.moved(
            "queued",
            tries=0,
            faults=0,
            avoid="",
            spent=state.spent if verb == "resume" else 0.0,
            reason="",
            failure="",
            next="",
            device="",
            queued=now,
            ended=None,
            not_before=None,
            alone=False,
        )
    if state.state in ACTIVE:
        if state.stopping == "cancel":
            return Verdict.DROP
        reason = "Cancelling" if verb == "cancel" else "Pausing"
        return replace(state, stopping=verb, reason=f"{reason}: it stops after a checkpoint.")
    if verb == "cancel":
        return state.moved("cancelled", ended=now, reason="Cancelled before it started.", failure="", next="")
    return state.moved("paused", reason="Paused.", next="", failure="")
