"""The scheduler as a process: started on demand, one per store, outliving whoever started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import workbench
from tests.queue.chaos import ENV, HERE, STAY, WORKER, check_run, processes, starts, until
from tests.queue.person import tiny_spec
from workbench.errors import WorkbenchError
from workbench.queue import client, scheduler
from workbench.queue.liveness import boot_id, lock_held, start_time, take_lock
from workbench.store.files import write_json
from workbench.store.runs import create_run
from workbench.store.state import load_state
from workbench.store.store import Store, open_store

QUICK = ("--worker", WORKER, "--slots", "2", "--idle", "0.3")


def finished(store: Store, run_id: str) -> bool:
    return load_state(store.run(run_id)).state == "finished"


def test_it_starts_on_demand_and_ends_when_idle(store: Store) -> None:
    run = create_run(store.paths, tiny_spec("tiny", 5))
    write_json(store.paths.scheduler, {"schema": 1, "pid": 1, "version": "0.1.0"})  # of one that was killed
    client.ensure_scheduler(store, QUICK)
    until(lambda: client.scheduler_status(store).pid > 1)
    until(lambda: finished(store, run))
    until(lambda: not client.scheduler_status(store).running)
    assert not store.paths.scheduler.exists()


def test_of_many_started_at_once_one_stays(store: Store) -> None:
    command = [*client.COMMAND, "--store", str(store.root), *STAY]
    started = [subprocess.Popen(command, stderr=subprocess.DEVNULL, env=ENV) for _ in range(4)]
    until(lambda: sum(process.poll() is None for process in started) == 1)
    assert [process.poll() for process in started].count(0) == 3
    assert client.scheduler_status(store).pid in [process.pid for process in started]
    assert client.stop_scheduler(store)
    for process in started:
        process.wait(5)


def test_a_run_that_comes_as_the_scheduler_ends_is_not_left(store: Store) -> None:
    """Submit right at the end of its idle time, many times over."""
    for k in range(4):
        client.ensure_scheduler(store, ("--worker", WORKER, "--idle", "0.2"))
        time.sleep(0.45 + 0.1 * k)
        run = create_run(store.paths, tiny_spec("tiny", 1))
        client.ensure_scheduler(store, ("--worker", WORKER, "--idle", "0.2"))
        until(lambda run=run: finished(store, run), 8)  # type: ignore[misc]


# What a scheduler of version 0.1.0 does that a client can see: lock, address, and the answer to SIGTERM.
OLD = """
import json, os, signal, sys, time
from pathlib import Path
from workbench.queue.liveness import boot_id, start_time, take_lock
folder, version = Path(sys.argv[1]), sys.argv[2]
lock, stop = take_lock(folder / "scheduler.lock"), []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
address = {"schema": 1, "pid": os.getpid(), "start_time": start_time(os.getpid()), "boot_id": boot_id()}
(folder / "scheduler.json").write_text(json.dumps({**address, "host": "here", "version": version}))
while not stop:
    time.sleep(0.05)
(folder / "scheduler.json").unlink()
"""


@pytest.mark.parametrize("version", ["0.1.0", "99.0.0"])
def test_an_older_scheduler_is_replaced_and_its_worker_adopted(store: Store, version: str) -> None:
    client.ensure_scheduler(store, STAY)
    run = create_run(store.paths, tiny_spec("tiny", 150))
    until(lambda: store.run(run).metrics.exists())
    assert client.stop_scheduler(store) and not client.stop_scheduler(store)
    assert len(processes(store)["worker"]) == 1  # left alone
    old = subprocess.Popen([sys.executable, "-c", OLD, str(store.paths.hidden), version], env=ENV)
    try:
        until(lambda: client.scheduler_status(store).pid == old.pid)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(workbench, "__version__", "0.2.0")
            client.ensure_scheduler(store, STAY)
        assert (old.poll() is None) == (version == "99.0.0")  # a newer one is left alone
        if old.poll() is not None:
            until(lambda: finished(store, run))
            assert check_run(store, run, 150) == []
            assert starts(store) == 1
    finally:
        old.kill()
        old.wait()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_runs_go_on_when_the_clients_whole_session_dies(store: Store, number: signal.Signals) -> None:
    """As when the terminal closes: the signal goes to every process of the session."""
    code = (
        "import signal, sys, time; from pathlib import Path; from workbench.queue import client;"
        "from workbench.store.store import open_store; from workbench.store.runs import create_run;"
        "from tests.queue.person import tiny_spec; store = open_store(Path(sys.argv[1]));"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL);"  # where nohup runs the tests, it is ignored
        "print(create_run(store.paths, tiny_spec('tiny', 60)), flush=True);"
        "client.ensure_scheduler(store, sys.argv[2:]); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(store.root), *STAY]
    options = {"stdout": subprocess.PIPE, "start_new_session": True, "env": ENV, "cwd": HERE.parents[1]}
    person = subprocess.Popen(command, text=True, **options)
    run = person.stdout.readline().strip()
    person.stdout.close()
    until(lambda: store.run(run).metrics.exists())
    os.killpg(person.pid, number)
    person.wait()
    until(lambda: finished(store, run))
    assert check_run(store, run, 60) == []


def test_a_submission_wakes_a_living_scheduler(store: Store) -> None:
    run = create_run(store.paths, tiny_spec("tiny", 5))
    client.ensure_scheduler(store, STAY)
    until(lambda: finished(store, run))
    second = create_run(store.paths, tiny_spec("slow", 50))
    client.ensure_scheduler(store, STAY)
    until(lambda: store.run(second).metrics.exists())


def test_status_distinguishes_a_stale_address_from_a_living_scheduler(store: Store) -> None:
    store.paths.scheduler.write_text(json.dumps({"schema": 1, "pid": os.getpid(), "host": "here"}))
    assert client.scheduler_status(store) == client.SchedulerStatus(False)
    assert not client.stop_scheduler(store)


def test_a_store_that_is_only_readable_gets_no_scheduler(store: Store) -> None:
    with pytest.raises(WorkbenchError) as caught:
        client.ensure_scheduler(Store(store.root, "--store", read_only=True))
    assert caught.value.exit_code == 5
    assert not lock_held(store.paths.scheduler_lock)


def test_it_ends_by_itself_when_its_store_is_gone(tmp_path: Path) -> None:
    store = open_store(tmp_path / "short")
    client.ensure_scheduler(store, STAY)
    until(lambda: client.scheduler_status(store).pid > 0)
    store.root.rename(tmp_path / "moved")
    until(lambda: not lock_held(tmp_path / "moved/.workbench/scheduler.lock"))


def test_one_command_line_error_is_one_sentence(tmp_path: Path) -> None:
    command = [*client.COMMAND, "--store", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, env=ENV)
    assert done.returncode == 3
    assert "does not exist" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("alive", [True, False], ids=["lives", "is gone"])
def test_a_spare_scheduler_leaves_at_once_where_another_lives(
    store: Store, monkeypatch: pytest.MonkeyPatch, alive: bool
) -> None:
    monkeypatch.setattr(scheduler, "LOCK_PATIENCE", 60.0 if alive else 0.2)
    other = subprocess.Popen(["sleep", "60"])
    address = {"pid": other.pid, "start_time": start_time(other.pid), "boot_id": boot_id()}
    if not alive:
        other.kill()
        other.wait()
    write_json(store.paths.scheduler, address)
    lock = take_lock(store.paths.scheduler_lock)
    begun = time.monotonic()
    try:
        assert lock is not None
        assert scheduler.Process(store, scheduler.Options())._take_lock() is None
    finally:
        os.close(lock or 0)
        other.kill()
        other.wait()
    waited = time.monotonic() - begun
    assert waited < 30 if alive else waited >= 0.2  # with no process there, another may only be reading
