"""What else can stand in a store or happen to it: garbage, deletions, moves, other machines, wrong clocks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.queue.chaos import WORKER, until
from tests.queue.conftest import Bench
from tests.queue.person import tiny_spec
from workbench.queue import client, other_hosts
from workbench.queue.executors import local
from workbench.queue.liveness import holders, lock_held, take_lock
from workbench.store.files import create_json, write_json
from workbench.store.runs import create_run
from workbench.store.state import RunState, load_state, write_state
from workbench.store.store import Store, open_store


def test_damaged_specs_keep_no_other_run_from_starting(bench: Bench) -> None:
    lines = ["[[[", "threads = 'many'", "gpu_share = nan\nthreads = nan", "memory_mb = inf"]
    *bad, good = [bench.submit(steps=5) for _ in range(5)]
    for run, line in zip(bad, lines, strict=True):
        bench.store.run(run).spec.write_text(f"[resources]\n{line}\n")
    bench.until_state(good, "finished")


def test_folders_among_the_requests_keep_no_other_request_from_being_heard(bench: Bench) -> None:
    run = bench.submit("slow", steps=500)
    bench.until_step(run, 1)
    (bench.store.run(run).control / "0-pause.json").mkdir()
    bench.ask(run, "cancel")
    bench.until_state(run, "cancelled")


def test_a_run_that_is_deleted_while_it_is_being_started_does_not_come_back(bench: Bench) -> None:
    run = bench.submit(steps=5)
    bench.keeper.board.look()
    entry = bench.keeper.board.live[run]
    shutil.move(entry.paths.root, bench.store.paths.hidden / run)
    bench.keeper._launch(entry, "cpu")
    bench.keeper.tick()
    assert not entry.paths.root.exists()
    assert bench.keeper.idle


def test_a_clock_that_was_set_back_does_not_hold_a_run(bench: Bench) -> None:
    run = bench.submit(steps=5)
    paths = bench.store.run(run)
    write_state(paths, replace(load_state(paths), not_before=time.time() + 3600))
    bench.until_state(run, "finished")


def test_only_who_keeps_a_lock_is_its_holder(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    mine = take_lock(lock)
    read = "import sys, time; file = open(sys.argv[1]); print(1, flush=True); time.sleep(60)"
    reader = subprocess.Popen([sys.executable, "-c", read, str(lock)], stdout=subprocess.PIPE)
    try:
        assert reader.stdout is not None and reader.stdout.readline()
        assert holders(lock) == [os.getpid()]  # the backup that reads it must not be killed
    finally:
        reader.kill()
        reader.wait()
        os.close(mine)


def test_a_scheduler_does_not_serve_a_store_that_took_the_place_of_its_own(
    store: Store, tmp_path: Path
) -> None:
    stay = ("--worker", WORKER, "--slots", "1", "--idle", "60")
    client.ensure_scheduler(store, stay)
    until(lambda: client.scheduler_status(store).pid > 0)
    moved = store.root.rename(tmp_path / "moved")
    other = open_store(store.root)
    assert not lock_held(other.paths.scheduler_lock)
    client.ensure_scheduler(other, stay)
    until(lambda: not lock_held(open_store(moved).paths.scheduler_lock))
    run = create_run(other.paths, tiny_spec("tiny", 5))
    until(lambda: load_state(other.run(run)).state == "finished")
    assert client.scheduler_status(other).running


def test_a_run_of_another_machine_is_left_alone_until_it_is_cancelled(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "on_network", lambda path: True)
    bench = Bench(store)
    run = _started_elsewhere(bench)
    for _ in range(3):
        bench.keeper.tick()
    state = bench.state(run)
    assert (state.state, state.attempt) == ("running", 1)
    assert "other_hosts" in state.reason and "cancel" in state.next
    bench.ask(run, "cancel")
    bench.until_state(run, "cancelled")
    assert not (bench.store.run(run).root / "ledger.jsonl").exists()  # no second worker beside the first


def test_on_a_local_disk_a_new_host_name_means_nothing(bench: Bench) -> None:
    run = _started_elsewhere(bench)  # a container that was started anew has another name
    bench.until_state(run, "finished")


def test_the_scheduler_of_another_machine_is_respected_while_it_shows_signs_of_life(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(store.paths.scheduler, {"schema": 1, "pid": 7, "host": "other_hosts"})
    assert not client.scheduler_status(store).running  # not on a network disk: the lock tells
    monkeypatch.setattr(other_hosts, "on_network", lambda path: True)
    client.ensure_scheduler(store)
    status = client.scheduler_status(store)
    assert status.running and status.host == "other_hosts"
    assert not lock_held(store.paths.scheduler_lock)  # none was started here
    past = time.time() - 2 * other_hosts.SILENT_SECONDS
    os.utime(store.paths.scheduler, (past, past))
    assert not client.scheduler_status(store).running


def _started_elsewhere(bench: Bench) -> str:
    run = bench.submit(steps=5)
    paths = bench.store.run(run)
    paths.attempt(1).root.mkdir()
    create_json(paths.attempt(1).claim, {"schema": 1, "pid": 4, "boot_id": "other", "host": "other_hosts"})
    write_state(paths, RunState("running", 1, device="cpu"))
    return run
