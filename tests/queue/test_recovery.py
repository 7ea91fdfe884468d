"""What follows from the end of an attempt, from made-up run folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.queue.person import tiny_spec
from workbench.exit_codes import WorkerExit
from workbench.queue.active_runs import Board
from workbench.queue.recovery import Limits, last_checkpoint, settle
from workbench.store.files import create_json, read_json, write_json
from workbench.store.paths import RunPaths, StorePaths
from workbench.store.runs import create_run
from workbench.store.state import RunState, load_state, state_of, write_state
from workbench.store.store import open_store
from workbench.store.usage import Usage, write_usage

LIMITS = Limits(crash=2, lost=3)
RUNNING = RunState(state="running", attempt=1, device="cpu")


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    store = open_store(tmp_path / "runs")
    paths = store.run(create_run(store.paths, tiny_spec("tiny", 5)))
    paths.attempt(1).root.mkdir()
    return paths


def ended(run: RunPaths, code: int | None, state: RunState = RUNNING, **claim: object) -> RunState:
    """Settle an attempt that was claimed and ended with `code` (None: the shim died too)."""
    create_json(run.attempt(1).claim, {"schema": 1, "pid": 1, **claim})
    if code is not None:
        number = code - 128 if code > 128 else 0
        create_json(run.attempt(1).exit, {"schema": 1, "code": code, "signal": number})
    return settle(run, state, now=50.0, limits=LIMITS)


def checkpoint(run: RunPaths, step: int) -> None:
    run.checkpoints.mkdir(exist_ok=True)
    write_json(run.checkpoints / f"{step}.json", {"schema": 1, "step": step})


@pytest.mark.parametrize("code", [0, 1, 75, 137, None])
def test_a_result_counts_whatever_the_exit_code(run: RunPaths, code: int | None) -> None:
    write_json(run.result, {"schema": 1, "outcome": "finished"})
    after = ended(run, code)
    assert (after.state, after.failure, after.ended) == ("finished", "", 50.0)


def test_a_diverged_result_is_a_failure_with_advice(run: RunPaths) -> None:
    write_json(run.result, {"schema": 1, "outcome": "diverged"})
    after = ended(run, 0)
    assert (after.state, after.failure) == ("failed", "diverged") and after.next


def test_an_unclaimed_attempt_becomes_void_and_does_not_count(run: RunPaths) -> None:
    after = settle(run, RunState(state="starting", attempt=1), 50.0, LIMITS)
    assert (after.state, after.tries) == ("queued", 0)
    # a shim that comes late finds the claim taken
    assert not create_json(run.attempt(1).claim, {"schema": 1, "pid": 7})


@pytest.mark.parametrize(("code", "failure"), [(77, "device"), (78, "bad-input"), (127, "crash")])
def test_what_would_fail_again_is_never_tried_again(run: RunPaths, code: int, failure: str) -> None:
    run.log.write_text("Traceback …\nThe data set is not here.\n\n")
    after = ended(run, code)
    assert (after.state, after.failure, after.reason) == ("failed", failure, "The data set is not here.")


def test_out_of_memory_is_tried_once_more_alone(run: RunPaths) -> None:
    again = ended(run, 75)
    assert (again.state, again.alone, again.failure) == ("queued", True, "out-of-memory")
    assert ended(run, 75, RunState(state="running", attempt=1, alone=True)).state == "failed"


def test_a_crash_at_the_same_place_twice_is_enough(run: RunPaths) -> None:
    run.log.write_text("RuntimeError: no\n")
    first = ended(run, 1)
    assert (first.state, first.failure, first.tries) == ("queued", "crash", 1)
    assert "RuntimeError: no" in first.reason
    second = ended(run, 1, RunState(state="running", attempt=1, tries=1))
    assert (second.state, second.failure) == ("failed", "crash")


def test_an_attempt_that_got_further_starts_the_count_anew(run: RunPaths) -> None:
    checkpoint(run, 40)
    after = ended(run, 1, RunState(state="running", attempt=1, tries=1, checkpoint=20))
    assert (after.state, after.tries, after.checkpoint) == ("queued", 1, 40)


def test_a_crash_while_evaluating_is_reported_as_such(run: RunPaths) -> None:
    write_json(run.progress, {"schema": 1, "phase": "evaluating"})
    assert ended(run, 1).failure == "evaluation"


@pytest.mark.parametrize("code", [137, None])
def test_a_killed_worker_is_lost_and_goes_on_from_its_checkpoint(run: RunPaths, code: int | None) -> None:
    checkpoint(run, 40)
    after = ended(run, code)
    assert (after.state, after.failure) == ("queued", "lost")
    assert "checkpoint" in after.next
    worn = RunState(state="running", attempt=1, tries=2, checkpoint=40)
    assert ended(run, code, worn).state == "failed"


@pytest.mark.parametrize(("stopping", "state"), [("cancel", "cancelled"), ("pause", "paused")])
@pytest.mark.parametrize("code", [76, 143, 1, None])
def test_a_run_that_was_asked_to_stop_has_stopped_however_it_ended(
    run: RunPaths, stopping: str, state: str, code: int | None
) -> None:
    after = ended(run, code, RunState(state="running", attempt=1, stopping=stopping))
    assert (after.state, after.stopping, after.failure) == (state, "", "")


def test_stopped_from_outside_is_queued_again_but_paused_at_a_terminal(run: RunPaths) -> None:
    assert ended(run, 76).state == "queued"
    run.attempt(1).claim.unlink()
    assert ended(run, 76, inline=True).state == "paused"


def test_a_damaged_result_stops_the_run_for_a_person_to_look(run: RunPaths) -> None:
    run.result.write_text("{")
    after = ended(run, 0)
    assert (after.state, "result.json" in after.reason) == ("failed", True)


@pytest.mark.parametrize("body", ["", "{", "[]", '{"state": "flying"}', '{"state": 3}'])
def test_a_damaged_state_file_never_uses_an_attempt_number_again(run: RunPaths, body: str) -> None:
    run.state.write_text(body)
    run.attempt(7).root.mkdir()
    create_json(run.attempt(7).claim, {"schema": 1, "pid": 1})
    run.attempt(8).root.mkdir()  # never claimed, so still free
    state = load_state(run)
    assert (state.state, state.attempt) == ("starting", 7)  # the attempt's own files have the rest


def test_only_complete_checkpoints_count(run: RunPaths) -> None:
    assert last_checkpoint(run) == -1
    checkpoint(run, 5)
    (run.checkpoints / "9.pt").write_bytes(b"half")
    (run.checkpoints / "x.json").write_text("{}")
    assert last_checkpoint(run) == 5


@pytest.mark.parametrize(("outcome", "state"), [("finished", "finished"), ("diverged", "failed")])
def test_a_result_committed_while_no_scheduler_was_alive_is_recorded_by_the_next(
    run: RunPaths, outcome: str, state: str
) -> None:
    store, said = StorePaths(run.root.parent), list[str]()
    write_state(run, RunState("running", 1, device="cpu", stopping="pause"))
    write_json(run.result, {"schema": 1, "outcome": outcome, "finished": 77.0})
    board = Board(store, said.append)
    board.look()
    written = state_of(read_json(run.state))
    assert (written.state, written.ended, written.stopping) == (state, 77.0, "")
    assert written == load_state(run)
    before = run.state.stat().st_ino
    Board(store, said.append).look()
    assert run.state.stat().st_ino == before  # once is enough
    assert (board.live, said) == ({}, [])


GPU_RUN = RunState(state="running", attempt=1, device="cuda:0", tries=1)


@pytest.mark.parametrize("tries", [0, 1, 50])
def test_a_fault_of_the_machine_costs_no_try_and_is_waited_for(run: RunPaths, tries: int) -> None:
    run.log.write_text("Cannot read or write metrics.jsonl: Disk quota exceeded.\n")
    state = replace(RUNNING, tries=tries, faults=tries)
    after = ended(run, WorkerExit.MACHINE_FAULT, state)
    assert (after.state, after.failure, after.tries, after.faults) == ("queued", "machine", tries, tries + 1)
    assert after.reason == "Cannot read or write metrics.jsonl: Disk quota exceeded."
    assert after.not_before is not None and 50.0 < after.not_before <= 50.0 + LIMITS.longest_delay


def test_a_fault_of_the_machine_pauses_a_run_in_the_foreground(run: RunPaths) -> None:
    after = ended(run, WorkerExit.MACHINE_FAULT, inline=True)
    assert (after.state, after.failure) == ("paused", "machine")


def test_a_fault_of_a_gpu_is_tried_elsewhere_and_not_for_ever(run: RunPaths) -> None:
    run.log.write_text("The GPU failed: CUDA error: uncorrectable ECC error encountered.\n")
    after = ended(run, WorkerExit.GPU_FAULT, GPU_RUN)
    assert (after.state, after.avoid, after.tries, after.faults) == ("queued", "cuda:0", 1, 1)
    last = ended(run, WorkerExit.GPU_FAULT, replace(GPU_RUN, faults=LIMITS.gpu_faults))
    assert (last.state, last.failure) == ("failed", "device") and "ECC" in last.reason


@pytest.mark.parametrize(("own_mb", "by_others"), [(20_000, True), (78_000, False)])
def test_memory_that_others_took_is_a_fault_of_the_machine(
    run: RunPaths, own_mb: int, by_others: bool
) -> None:
    usage = Usage(gpu_mb=own_mb, card_mb=80_000, card_free_mb=100)
    write_usage(run.attempt(1), usage)
    after = ended(run, WorkerExit.OUT_OF_MEMORY, replace(GPU_RUN, alone=True))
    if by_others:
        assert (after.state, after.failure, after.avoid) == ("queued", "machine", "cuda:0")
        assert after.reason == "Out of memory on cuda:0: other processes take 59400 MiB of it."
    else:
        assert (after.state, after.failure) == ("failed", "out-of-memory")


def test_a_new_checkpoint_ends_the_count_of_faults(run: RunPaths) -> None:
    checkpoint(run, 10)
    after = ended(run, WorkerExit.MACHINE_FAULT, replace(RUNNING, faults=7))
    assert after.faults == 1
