"""Faults of the machine: the queue waits and says why, no run pays, and work resumes by itself."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.queue.chaos import ENV, check_run, until
from tests.queue.conftest import OPTIONS, TRAINER, Bench
from tests.queue.person import tiny_spec
from workbench.api import queue as api
from workbench.queue import client, readings, shim
from workbench.queue.attempts import Keeper
from workbench.queue.liveness import take_lock
from workbench.queue.waits import explained
from workbench.store.files import read_json, write_json
from workbench.store.index import index_of
from workbench.store.runs import create_run
from workbench.store.state import RunState, load_state, write_request, write_state
from workbench.store.store import Store

LIMITED = ("sh", "-c", '[ -e "$0" ] && ulimit -f 100; exec "$@"')  # blocks of 512 bytes: 51,200


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "PROBE_SECONDS", (0.05, 0.2))


def test_a_limit_on_files_holds_the_queue_and_fails_no_run(bench: Bench, tmp_path: Path, quick: None) -> None:
    """Six runs whose checkpoints are over the limit, as with a quota; then the limit is lifted."""
    flag = tmp_path / "limited"
    flag.touch()
    limits = replace(OPTIONS.limits, fault_delay=0.01, longest_delay=0.1)
    options = replace(OPTIONS, worker=(*LIMITED, str(flag), *TRAINER), limits=limits)
    bench.keeper = Keeper(bench.store, options)
    runs = [bench.submit("large", steps=8) for _ in range(6)]
    messages: set[str] = set()

    def tried() -> bool:
        messages.add(bench.keeper.message)
        return all(bench.state(run).attempt >= 2 for run in runs[:2])

    bench.until(tried)
    assert any(text.startswith("Held by a fault of the machine: Cannot read or write") for text in messages)
    states = [bench.state(run) for run in runs]
    assert {state.failure for state in states} <= {"", "machine"} and {state.tries for state in states} == {0}
    flag.unlink()
    bench.until(lambda: all(bench.state(run).state == "finished" for run in runs), seconds=30)
    assert [problem for run in runs for problem in check_run(bench.store, run, 8)] == []
    assert bench.keeper.message == ""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_held_until_a_file_can_be_written_with_the_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, quick: None, number: int
) -> None:
    run = bench.submit(steps=3)
    with monkeypatch.context() as patch:

        def refuse(*arguments: object) -> None:
            raise OSError(number, os.strerror(number))

        patch.setattr(readings.os, "fsync", refuse)
        bench.keeper.readings.hold("Cannot write.")
        bench.until(lambda: os.strerror(number) in bench.keeper.message)
        assert bench.state(run).state == "queued"
        assert not (bench.store.paths.hidden / ".probe").exists()
    bench.until_state(run, "finished")
    assert bench.keeper.message == ""


def test_no_processes_left_to_start_one_holds_the_queue(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    run = bench.submit(steps=3)
    with monkeypatch.context() as patch:

        def refuse(*arguments: object, **named: object) -> None:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")

        patch.setattr("workbench.queue.executors.local.subprocess.Popen", refuse)
        bench.until(lambda: "Cannot allocate memory" in bench.keeper.message)
        for _ in range(5):
            bench.keeper.tick()
    assert bench.until_state(run, "finished").tries <= 1


def test_no_room_for_more_files_is_reported(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.submit(steps=3)
    disk = SimpleNamespace(f_bavail=10**9, f_frsize=4096, f_files=10**6, f_favail=3)
    with monkeypatch.context() as patch:
        patch.setattr(readings.os, "statvfs", lambda path: disk)
        bench.keeper.tick()
        assert bench.keeper.message == "Cannot start runs: room for 3 more files on the disk. Delete some."
    bench.until_state(run, "finished")


def test_progress_that_is_old_is_shown_as_such(store: Store) -> None:
    paths = store.run(create_run(store.paths, tiny_spec("a", 5)))
    write_state(paths, RunState("running", 1))
    progress = {"phase": "training", "step": 1, "total": 600, "steps_per_second": 9.0}
    for age, reason in ((83, "No progress for 1m 23s."), (1, "")):
        write_json(paths.progress, {**progress, "time": time.time() - age})
        (row,) = explained(store.paths, index_of(store).rows(), serving=True)
        assert row.reason == reason and (row.eta is None) == bool(reason)


def test_a_run_that_follows_another_waits_for_the_end_of_this_one(store: Store) -> None:
    """It takes no device, so that it neither ends with the next run nor delays those behind it."""
    sooner, first, last, other = (create_run(store.paths, tiny_spec(name, 5)) for name in "abcd")
    for run, left in ((sooner, 120), (first, 600)):
        write_state(store.run(run), RunState("running", 1, device="cuda:0"))
        progress = {"phase": "training", "step": 0, "total": left, "steps_per_second": 1.0}
        write_json(store.run(run).progress, {**progress, "time": time.time()})
    waits = {last: f"Waiting for {first} to finish.", other: "Waiting for a GPU: 1 run on it."}
    write_json(store.paths.waiting, {"schema": 1, "waits": waits})
    reasons = {row.id: row.reason for row in explained(store.paths, index_of(store).rows(), serving=True)}
    assert reasons[last] == f"Waiting for {first} to finish, about 10 min."
    assert reasons[other] == "Waiting for a GPU: 1 run on it, about 2 min."


@pytest.fixture
def served(store: Store) -> Iterator[int]:
    """The process of a scheduler that serves the store."""
    command = ["--worker", " ".join(TRAINER), "--idle", "600"]
    client.ensure_scheduler(store, command)
    until(lambda: client.scheduler_status(store).pid > 0)
    pid = client.scheduler_status(store).pid
    yield pid
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    client.stop_scheduler(store)


def test_a_stopped_scheduler_and_a_request_that_it_does_not_take_up(store: Store, served: int) -> None:
    run = create_run(store.paths, tiny_spec("slow", 5000))
    client.ensure_scheduler(store)
    until(lambda: load_state(store.run(run)).state == "running")
    os.kill(served, signal.SIGSTOP)
    until(lambda: "kill -CONT" in client.scheduler_status(store).message)
    write_request(store.run(run), "cancel")
    assert f"(process {served})" in api.not_taken_up(store, [run], patience=0.1)
    os.kill(served, signal.SIGCONT)
    assert api.not_taken_up(store, [run], patience=30.0) == ""
    assert client.scheduler_status(store).message == ""


def test_the_successor_of_a_killed_scheduler_says_who_it_is(store: Store, served: int) -> None:
    address = read_json(store.paths.scheduler)
    os.kill(served, signal.SIGKILL)
    until(lambda: not client.scheduler_status(store).running)
    write_json(store.paths.scheduler, {**address, "message": "0 MiB left"})
    client.ensure_scheduler(store, ["--idle", "600"])
    until(lambda: client.scheduler_status(store).pid not in (0, served))
    assert client.scheduler_status(store).message == ""


def test_a_lock_held_by_a_process_that_is_no_scheduler_is_named(store: Store) -> None:
    lock = take_lock(store.paths.scheduler_lock)
    assert lock is not None
    try:
        status = client.scheduler_status(store)
        assert status.running and status.pid == 0 and str(os.getpid()) in status.message
    finally:
        os.close(lock)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_scheduler_whose_log_cannot_be_written_serves_on(store: Store) -> None:
    run = create_run(store.paths, tiny_spec("crash", 20))
    command = [*client.COMMAND, "--store", str(store.root), "--worker", " ".join(TRAINER), "--idle", "0.2"]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        process = subprocess.Popen(command, stdout=full, stderr=full, env=ENV)
        try:
            until(lambda: load_state(store.run(run)).state == "failed", 30)
            assert load_state(store.run(run)).attempt == 2
        finally:
            process.wait(30)


def test_the_end_of_an_attempt_is_written_on_a_full_disk(store: Store, tmp_path: Path) -> None:
    """The shim has reserved the space; its file must not grow afterwards."""
    reserved = shim._write(str(tmp_path / "exit.json"), " " * shim.RESERVED)
    size = Path(reserved).stat().st_size
    shim._fill(reserved, {"schema": 1, "code": 80, "reason": "x" * 300})
    assert Path(reserved).stat().st_size == size
    assert json.loads(Path(reserved).read_text())["code"] == 80


def test_what_killed_writers_left_is_swept_and_nothing_else(bench: Bench) -> None:
    run = bench.submit("slow", steps=20)
    paths = bench.store.run(run)
    bench.until_step(run, 2)
    left = [paths.checkpoints / ".5.pt.aa.tmp", paths.root / ".progress.json.bb.tmp"]
    left.append(paths.attempt(1).root / ".x.tmp")
    kept = [paths.control / ".1-pause.json.cc.tmp", paths.root / ".notes.json.dd.tmp"]
    for path in (*left, *kept):
        path.write_text("")
    os.killpg(os.getpgid(worker_of(bench, run)), signal.SIGKILL)
    bench.until(lambda: bench.state(run).attempt == 2 or bench.state(run).state == "queued")
    assert [path for path in left if path.exists()] == [] and all(path.exists() for path in kept)


def worker_of(bench: Bench, run: str) -> int:
    """Return the process that trains, by its ledger."""
    lines = (bench.store.run(run).root / "ledger.jsonl").read_text().splitlines()
    return int(json.loads(lines[0])["pid"])
