"""Whole runs through the scheduler's ticks, with real shims and the torch-free trainer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.queue.chaos import check_run
from tests.queue.conftest import Bench
from tests.queue.person import tiny_spec
from workbench.queue import readings
from workbench.queue.attempts import Keeper
from workbench.queue.executors.base import Status
from workbench.queue.liveness import lock_held, take_lock
from workbench.store.files import create_json, read_json
from workbench.store.runs import create_run
from workbench.store.state import RunState, read_requests, write_request, write_state


def ledger(bench: Bench, run_id: str) -> list[str]:
    lines = (bench.store.run(run_id).root / "ledger.jsonl").read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_runs_start_in_order_fill_the_slots_and_finish_with_exact_results(bench: Bench) -> None:
    runs = [bench.submit(steps=10) for _ in range(5)]
    at_once = []

    def done() -> bool:
        at_once.append(len(bench.keeper.board.under_way()))
        return all(bench.state(run).state == "finished" for run in runs)

    bench.until(done)
    assert max(at_once) == 2
    assert [problem for run in runs for problem in check_run(bench.store, run, 10)] == []
    started = [bench.state(run).started for run in runs]
    assert started == sorted(started, key=lambda t: t or 0)
    bench.until(lambda: bench.keeper.idle, seconds=2)


def test_cancel_stops_after_a_checkpoint_and_keeps_what_there_is(bench: Bench) -> None:
    run = bench.submit("slow", steps=500)
    bench.until_step(run, 2)
    bench.ask(run, "cancel")
    assert bench.until_state(run, "cancelled").ended is not None
    assert ledger(bench, run) == ["start", "stopped"]
    assert read_json(bench.store.run(run).attempt(1).exit)["code"] == 76
    assert list(bench.store.run(run).checkpoints.glob("*.json"))
    assert read_requests(bench.store.run(run)) == []


def test_cancelling_a_waiting_run_takes_one_tick(bench: Bench) -> None:
    run = bench.submit()
    bench.ask(run, "cancel")
    bench.keeper.tick()
    assert bench.state(run).state == "cancelled"
    assert not (bench.store.run(run).root / "ledger.jsonl").exists()


@pytest.mark.parametrize("verbs", [("pause", "paused", "resume"), ("cancel", "cancelled", "retry")])
def test_a_stopped_run_resumes_from_its_checkpoint_and_ends_exact(bench: Bench, verbs) -> None:
    stop, state, go = verbs
    run = bench.submit(steps=40)
    bench.until_step(run, 8)
    bench.ask(run, stop)
    bench.until_state(run, state)
    bench.ask(run, go)
    bench.until_state(run, "finished")
    assert check_run(bench.store, run, 40) == []
    assert ledger(bench, run) == ["start", "stopped", "start", "result"]


def test_requests_are_applied_in_the_order_of_asking(bench: Bench) -> None:
    run = bench.submit("slow", steps=500)
    bench.until_step(run, 1)
    bench.ask(run, "pause")
    bench.ask(run, "resume")  # waits until the worker has stopped
    bench.ask(run, "priority", 4)
    bench.until(lambda: bench.state(run).attempt == 2 and bench.state(run).state == "running")
    assert bench.state(run).priority == 4
    bench.ask(run, "cancel")
    bench.until_state(run, "cancelled")


def test_priority_lets_a_late_run_pass(bench: Bench) -> None:
    first, second, urgent = (bench.submit(steps=10, threads=2) for _ in range(3))
    bench.ask(urgent, "priority", 1)
    bench.keeper.tick()
    bench.until(lambda: bench.keeper.idle)
    started = {run: bench.state(run).started for run in (first, second, urgent)}
    assert sorted(started, key=lambda run: started[run] or 0) == [urgent, first, second]


def test_a_worker_that_ignores_the_request_is_ended_after_the_grace(bench: Bench) -> None:
    run = bench.submit("deaf", steps=2000)
    bench.until_step(run, 2)
    bench.ask(run, "cancel")
    bench.until_state(run, "cancelled")
    assert read_json(bench.store.run(run).attempt(1).exit)["signal"] == signal.SIGKILL


def test_a_cancelled_runs_children_are_swept(bench: Bench) -> None:
    run = bench.submit("brood", steps=2000)
    bench.until_step(run, 2)
    lock = bench.store.run(run).root / "trainer.lock"  # the child holds it too
    bench.ask(run, "cancel")
    bench.until_state(run, "cancelled")
    bench.until(lambda: not lock_held(lock))


def test_a_crash_is_tried_again_once_and_then_reported(bench: Bench) -> None:
    run = bench.submit("crash", steps=50)
    state = bench.until_state(run, "failed")
    assert "it broke at step 7" in state.reason
    # the first attempt got to a checkpoint at step 5, the second no further
    assert (state.failure, state.attempt) == ("crash", 2)


def test_out_of_memory_is_tried_once_more_without_neighbours(bench: Bench) -> None:
    run, other = bench.submit("oom"), bench.submit("slow", steps=2)
    state = bench.until_state(run, "failed")
    assert (state.failure, state.attempt) == ("out-of-memory", 2)
    assert bench.state(other).state == "finished"


def test_a_cancel_survives_the_scheduler(bench: Bench) -> None:
    """The request file is gone, the worker not yet stopped, the scheduler dead: the next one knows."""
    run = bench.submit("deaf", steps=2000)
    bench.until_step(run, 2)
    bench.ask(run, "cancel")
    bench.until(lambda: bench.state(run).stopping == "cancel")
    bench.keeper = Keeper(bench.store, bench.keeper.options)
    bench.until_state(run, "cancelled")


def test_a_start_that_never_happened_is_made_void_and_done_again(bench: Bench) -> None:
    """The scheduler died between writing `starting` and starting the shim."""
    run = bench.submit(steps=5)
    bench.keeper.executor.submit = lambda launch: launch.key  # type: ignore[method-assign]
    bench.keeper.tick()
    assert bench.state(run).state == "starting"
    bench.keeper = Keeper(bench.store, bench.keeper.options)
    bench.until_state(run, "finished")
    assert "void" in read_json(bench.store.run(run).attempt(1).claim)
    assert bench.state(run).attempt == 2


def test_nothing_is_started_on_a_full_disk_and_then_it_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bench.submit(steps=5)
    disk = SimpleNamespace(f_bavail=0, f_frsize=4096, f_files=0, f_favail=0)
    with monkeypatch.context() as patch:
        patch.setattr(readings.os, "statvfs", lambda path: disk)
        for _ in range(3):
            bench.keeper.tick()
        assert bench.state(run).state == "queued"
        assert "disk space" in bench.keeper.message
    bench.until_state(run, "finished")
    assert bench.keeper.message == ""


def test_a_state_that_cannot_be_written_stays_as_it_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bench.submit(steps=5)
    bench.keeper.board.look()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("workbench.queue.active_runs.write_state", full)
        bench.keeper.tick()
        assert bench.keeper.board.under_way() == []
        assert "No space left" in bench.keeper.message
    bench.until_state(run, "finished")


def test_a_device_that_is_not_here_fails_with_advice(bench: Bench) -> None:
    run = bench.submit(device="cuda:99")
    bench.until(lambda: bench.state(run).state == "failed", seconds=3)
    assert bench.state(run).failure == "device"


def test_the_worker_gets_its_device_threads_and_the_submitters_settings(bench: Bench) -> None:
    code = "import json, os, sys; open(sys.argv[1] + '/seen.json', 'w').write(json.dumps(dict(os.environ)))"
    worker = (bench.keeper.options.worker[0], "-c", code)
    bench.keeper.options = replace(bench.keeper.options, worker=worker)
    run = bench.submit(steps=5, threads=2)
    paths = bench.store.run(run)
    origin = read_json(paths.origin) | {"variables": {"WORKBENCH_DOWNLOAD": "no"}}
    paths.origin.write_text(json.dumps(origin))
    bench.until(lambda: (paths.root / "seen.json").exists())
    time.sleep(0.05)
    seen = json.loads((paths.root / "seen.json").read_text())
    assert (seen["OMP_NUM_THREADS"], seen["MKL_NUM_THREADS"]) == ("2", "2")
    assert (seen["WORKBENCH_DEVICE"], seen["CUDA_VISIBLE_DEVICES"]) == ("cpu", "")
    assert seen["WORKBENCH_DOWNLOAD"] == "no"


def test_a_shim_that_claims_just_after_its_attempt_was_judged_dead_keeps_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bench.submit(steps=5)
    paths = bench.store.run(run)
    paths.attempt(1).root.mkdir()
    write_state(paths, RunState("starting", 1, device="cpu"))  # its scheduler died, its shim is slow
    attempt, poll, locks = paths.attempt(1), bench.keeper.executor.poll, []

    def poll_then_claim(handles: Iterable[str]) -> dict[str, Status]:
        found = poll(handles)
        if not locks:
            locks.append(take_lock(attempt.lock))  # the slow shim, between the look and its consequence
            assert create_json(attempt.claim, {"schema": 1, "pid": 1, "boot_id": "", "start_time": 0})
        return found

    monkeypatch.setattr(bench.keeper.executor, "poll", poll_then_claim)
    for _ in range(3):
        bench.keeper.tick()
    assert (bench.state(run).state, bench.state(run).attempt) == ("running", 1)
    assert not paths.attempt(2).root.exists()
    os.close(locks[0])


def follower(bench: Bench, *after: str, **more: object) -> str:
    return create_run(bench.store.paths, tiny_spec("tiny", 5), after=after, **more)  # type: ignore[arg-type]


def test_a_run_starts_after_those_that_it_follows(bench: Bench) -> None:
    first, other = bench.submit("slow", steps=5), bench.submit("slow", steps=3)
    last = follower(bench, first, other, priority=9)
    bench.until(lambda: bench.state(first).state == "running")
    assert read_json(bench.store.paths.waiting)["waits"][last].startswith("Waiting for 2")
    assert bench.until_state(last, "finished").started >= max(bench.state(r).ended for r in (first, other))


@pytest.mark.parametrize("how", ["failed", "cancelled", "removed"])
def test_a_run_is_cancelled_with_the_one_that_it_follows(bench: Bench, how: str) -> None:
    """Another scheduler may have seen the first run's end."""
    first = bench.submit("bad" if how == "failed" else "slow", steps=500, threads=2)
    second = follower(bench, first)
    third = follower(bench, second)
    if how == "removed":
        shutil.rmtree(bench.store.run(first).root)
    elif how == "cancelled":
        bench.ask(first, "cancel")
    assert how in bench.until_state(second, "cancelled").reason
    state = bench.until_state(third, "cancelled")
    assert state.reason == f"It was to follow {second}, which was cancelled." and state.ended is not None
    assert bench.keeper.idle


def test_a_run_moves_to_its_place_among_those_of_a_priority(bench: Bench) -> None:
    runs = [bench.submit(steps=3, threads=2) for _ in range(4)]
    before = load_created(bench, runs[1])
    write_request(bench.store.run(runs[3]), "move", 0, before - 1e-4)
    write_request(bench.store.run(runs[0]), "move", -1, 0.0)
    bench.store.paths.bell.touch()
    bench.until(lambda: all(bench.state(run).state == "finished" for run in runs))
    started = {run: bench.state(run).started for run in runs}
    assert sorted(runs, key=lambda run: started[run] or 0) == [runs[3], runs[1], runs[2], runs[0]]


def load_created(bench: Bench, run: str) -> float:
    return float(read_json(bench.store.run(run).origin)["created"])


def test_a_run_ends_at_its_time_limit_with_a_checkpoint_and_may_be_retried(bench: Bench) -> None:
    run = bench.submit("slow", steps=20, minutes=0.02)  # 1.2 s; it would take 4 s
    state = bench.until_state(run, "failed")
    assert (state.failure, state.attempt) == ("time-limit", 1)
    assert state.reason.startswith("Stopped after") and state.checkpoint > 0 and state.spent > 1.2
    bench.ask(run, "retry")
    bench.until(lambda: bench.state(run).attempt == 2)
    assert bench.state(run).spent == 0.0


def test_earlier_attempts_count_for_the_time_limit(bench: Bench) -> None:
    run = bench.submit("slow", steps=500, minutes=10)
    paths = bench.store.run(run)
    write_state(paths, RunState(spent=599.99))
    bench.keeper = Keeper(bench.store, bench.keeper.options)
    assert bench.until_state(run, "failed").failure == "time-limit"
