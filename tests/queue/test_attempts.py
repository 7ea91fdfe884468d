"""Whole runs through the scheduler's ticks, with real shims and the torch-free trainer."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.queue.chaos import check_run
from tests.queue.conftest import Bench
from workbench.queue import readings
from workbench.queue.attempts import Keeper
from workbench.queue.executors.base import Status
from workbench.queue.liveness import lock_held, take_lock
from workbench.store.files import create_json, read_json
from workbench.store.state import RunState, read_requests, write_state


def ledger(bench: Bench, run_id: str) -> list[str]:
    lines = (bench.store.run(run_id).root / "ledger.jsonl").read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_runs_start_in_order_fill_the_slots_and_finish_with_exact_results(bench: Bench) -> None:
    runs = [bench.submit(steps=10) for _ in range(5)]
    at_once = []

    def done() -> bool:
        at_once.append(len(bench.keeper.under_way()))
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
        assert bench.keeper.under_way() == []
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
