"""What became of an attempt that no longer lives, and what follows from it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from workbench.exit_codes import WorkerExit
from workbench.queue.policy import CONTEXT_MB
from workbench.store.files import create_json, log_tail, read_json
from workbench.store.json_fields import number, read_table
from workbench.store.paths import AttemptPaths, RunPaths
from workbench.store.state import Failure, RunState, outcome_of, run_state
from workbench.store.usage import read_usage
from workbench.text import format_duration

FROM_CHECKPOINT = "It resumes from its last checkpoint."


@dataclass(frozen=True)
class Limits:
    """How many attempts in a row may end badly without getting any further."""

    crash: int = 2
    lost: int = 5
    crash_delay: float = 2.0  # seconds before a crashed run is tried again
    gpu_faults: int = 5  # by faults of a GPU, or memory that others took
    fault_delay: float = 5.0  # seconds, doubled with each fault of the machine, up to `longest_delay`
    longest_delay: float = 600.0


def make_attempt(attempt: AttemptPaths) -> None:
    """Make an attempt's folder.

    Raises:
        OSError: if the run is gone: a deleted run must not come back as an empty folder.
    """
    for folder in (attempt.root.parent, attempt.root):
        folder.mkdir(mode=0o700, exist_ok=True)


def final_state(paths: RunPaths, state: RunState, now: float) -> RunState | None:
    """Return the state that `result.json` gives the run, None without one. After it nothing runs again."""
    if not paths.result.exists():
        return None
    result = read_json(paths.result)
    if outcome_of(result) is not None:
        return replace(run_state(state, result), ended=now)
    hint = "Move the damaged result.json away, then retry."
    return _failed(state, "crash", "Its result.json cannot be read.", now, hint)


def settle(
    paths: RunPaths, state: RunState, now: float, limits: Limits, *, claimed: bool = True
) -> RunState | None:
    """Return the state after the end of the current attempt, which must not live any more.

    An unclaimed attempt is voided first, so that a late shim finds it taken. None means that a shim was
    faster: look again. `claimed` is what was seen when the attempt was judged dead: a claim that has come
    since belongs to a shim that is alive.

    Raises:
        OSError: if the void claim cannot be written.
    """
    final = final_state(paths, state, now)
    if final is not None:
        return final
    attempt = paths.attempt(state.attempt)
    if not claimed or not attempt.claim.exists():
        make_attempt(attempt)
        if not create_json(attempt.claim, {"schema": 1, "void": "never claimed"}):
            return None
    claim, end = read_table(attempt.claim), read_table(attempt.exit)
    final = final_state(paths, state, now)  # committed since the first look
    if final is not None:
        return final
    step = last_checkpoint(paths)
    further = step > state.checkpoint
    state = replace(state, checkpoint=step)
    state = replace(state, spent=state.spent + attempt_seconds(attempt, number(end.get("time")) or now))
    if state.stopping == "time-limit":
        reason = f"Stopped after {format_duration(state.spent)}: the limit of resources.minutes."
        stopped = _failed(state, "time-limit", reason, now, "A retry continues for as long again.")
        return replace(stopped, stopping="")
    if state.stopping == "cancel":
        return state.moved("cancelled", ended=now, stopping="", failure="", next="", reason="Cancelled.")
    if state.stopping == "pause":
        text = FROM_CHECKPOINT if step >= 0 else "It starts anew: there is no checkpoint yet."
        return state.moved("paused", stopping="", failure="", reason="Paused.", next=text)
    if "void" in claim:  # it never ran, so it does not count as a try
        return state.moved("queued", device="", reason="")
    before = replace(state, faults=0 if further else state.faults)  # a fault of the machine is no try
    state = replace(state, tries=1 if further else state.tries + 1)
    inline = bool(claim.get("inline"))
    if inline:
        limits = replace(limits, crash=0, lost=0)
    return _machine_fault(paths, before, end, now, limits, inline=inline) or _after(
        paths, replace(state, faults=0, avoid=""), end, now, limits, inline=inline
    )


def _machine_fault(
    paths: RunPaths, state: RunState, end: dict[str, Any], now: float, limits: Limits, *, inline: bool
) -> RunState | None:
    """Return the state after a fault of the machine: it costs no try. None if the attempt ended otherwise.

    A full or broken disk is waited for without end. Another GPU, if there is one, is tried a few times.
    """
    code = end.get("code")
    others = _taken_by_others(paths, state) if code == WorkerExit.OUT_OF_MEMORY else 0
    if code not in (WorkerExit.MACHINE_FAULT, WorkerExit.GPU_FAULT) and not others:
        return None
    reason = _last_words(paths) or "The GPU failed."
    if code == WorkerExit.MACHINE_FAULT and not reason.startswith("Cannot"):  # the log was not written either
        reason = str(end.get("reason") or "The worker could not write its files.")
    if others:
        reason = f"Out of memory on {state.device}: other processes take {others} MiB of it."
    state = replace(state, faults=state.faults + 1, failure="machine", reason=reason)
    if inline:
        return state.moved("paused", next=FROM_CHECKPOINT)
    if code != WorkerExit.MACHINE_FAULT:
        state = replace(state, avoid=state.device)
        if state.faults > limits.gpu_faults:
            hint = "See `nvidia-smi`; a retry resumes from the last checkpoint."
            return _failed(state, "device", f"{reason} It failed on GPUs {state.faults} times.", now, hint)
    delay = min(limits.fault_delay * 2.0 ** min(state.faults - 1, 30), limits.longest_delay)
    text = FROM_CHECKPOINT if state.checkpoint >= 0 else "It is tried again from the start."
    return replace(state.moved("queued", next=text, device=""), not_before=now + delay)


def _taken_by_others(paths: RunPaths, state: RunState) -> int:
    """Return the MiB of the GPU that processes other than the worker took when memory ran out, if many."""
    usage = read_usage(paths.attempt(state.attempt))
    if usage is None or not usage.on_gpu or not state.alone:
        return 0
    others = usage.card_mb - usage.card_free_mb - usage.gpu_mb - CONTEXT_MB
    return others if others > usage.card_mb // 10 else 0


def attempt_seconds(attempt: AttemptPaths, now: float) -> float:
    """Return for how long the attempt has been claimed, 0 if it is not."""
    try:
        return max(0.0, now - attempt.claim.stat().st_mtime)
    except OSError:
        return 0.0


def _after(
    paths: RunPaths, state: RunState, end: dict[str, Any], now: float, limits: Limits, *, inline: bool
) -> RunState:
    """Return what follows from the worker's exit code; without one the attempt is lost."""
    code = end.get("code")
    if code == WorkerExit.STOPPED:
        if inline:
            return state.moved("paused", tries=0, reason="Stopped at the terminal.", next=FROM_CHECKPOINT)
        reason = "Stopped from outside."
        return _again(state, "", reason, limits.lost, now, now)
    if code == WorkerExit.OUT_OF_MEMORY:
        if state.alone or inline:
            hint = "Use a smaller batch or model, or a device with more memory, and queue it again."
            return _failed(state, "out-of-memory", f"Out of memory on {state.device}.", now, hint)
        reason = f"Out of memory on {state.device} beside other runs."
        again = state.moved("queued", alone=True, failure="out-of-memory", reason=reason, device="")
        return replace(again, next="It is tried once more, with the device to itself.")
    if code == WorkerExit.NO_DEVICE:
        reason = _last_words(paths) or f"The device {state.device} cannot be used."
        return _failed(state, "device", reason, now, "See `workbench doctor`.")
    if code == WorkerExit.BAD_INPUT:
        reason = _last_words(paths) or "The spec or its data cannot be used."
        return _failed(state, "bad-input", reason, now, "Fix the cause, then retry.")
    if code == WorkerExit.NOT_STARTED:
        return _failed(state, "crash", _last_words(paths) or "The worker could not be started.", now)
    if code is None or end.get("signal"):
        ended_by = end.get("signal")
        reason = f"The worker was ended by signal {ended_by}." if ended_by else "The worker vanished."
        if ended_by == 9:
            reason = "The worker was killed from outside, perhaps for lack of memory."
            state = replace(state, alone=state.alone or state.tries > 2)
        return _again(state, "lost", reason, limits.lost, now, now)
    reason = _last_words(paths) or f"The worker ended with code {code}."
    evaluating = read_table(paths.progress).get("phase") == "evaluating"
    kind: Failure = "evaluation" if evaluating else "crash"
    return _again(state, kind, reason, limits.crash, now, now + limits.crash_delay)


def _again(
    state: RunState, kind: Failure, reason: str, limit: int, now: float, not_before: float
) -> RunState:
    """Queue the run for another attempt, or fail it if it has had enough without getting further."""
    if state.tries >= limit:
        times = f" No progress in {state.tries} attempts." if state.tries > 1 else ""
        stop = "" if reason.endswith(".") or not times else "."
        hint = "A retry resumes from the last checkpoint."
        return _failed(state, kind or "lost", reason + stop + times, now, hint)
    text = FROM_CHECKPOINT if state.checkpoint >= 0 else "It is tried again from the start."
    again = state.moved("queued", failure=kind, reason=reason, next=text, device="")
    return replace(again, not_before=not_before)


def _failed(state: RunState, kind: Failure, reason: str, now: float, hint: str = "") -> RunState:
    return state.moved("failed", failure=kind, reason=reason, next=hint, ended=now)


def last_checkpoint(paths: RunPaths) -> int:
    """Return the step of the newest complete checkpoint, -1 if there is none."""
    try:
        names = os.listdir(paths.checkpoints)  # noqa: PTH208 - names are all that is needed
    except OSError:
        return -1
    return max((int(n[:-5]) for n in names if n.endswith(".json") and n[:-5].isdecimal()), default=-1)


def _last_words(paths: RunPaths, limit: int = 300) -> str:
    """Return the last line of the worker's log: the exception, or the sentence of a bad input."""
    lines = [line.strip() for line in log_tail(paths.log, 4096).splitlines() if line.strip()]
    return lines[-1][:limit] if lines else ""
