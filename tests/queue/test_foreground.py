"""A run in the foreground, with and without a scheduler beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.queue.chaos import ENV, HERE, STAY, check_run, until
from tests.queue.conftest import TRAINER
from tests.queue.person import tiny_spec
from workbench.errors import WorkbenchError
from workbench.queue import client
from workbench.queue.foreground import run_inline
from workbench.store.files import create_json, read_json
from workbench.store.runs import create_run
from workbench.store.state import RunState, load_state, write_request, write_state
from workbench.store.store import Store


def held(store: Store, name: str = "tiny", steps: int = 20) -> str:
    return create_run(store.paths, tiny_spec(name, steps), held="Held.")


def test_it_runs_to_the_end_without_a_scheduler(store: Store) -> None:
    run, seen = held(store, steps=40), []
    code = run_inline(store, run, lambda: seen.append(load_state(store.run(run)).state), TRAINER)
    assert (code, load_state(store.run(run)).state) == (0, "finished")
    assert "running" in seen
    assert check_run(store, run, 40) == []
    assert not client.scheduler_status(store).running


@pytest.mark.parametrize(("name", "code"), [("crash", 1), ("bad", 78), ("oom", 75)])
def test_a_failure_has_its_code_and_is_not_retried(store: Store, name: str, code: int) -> None:
    run = held(store, name)
    assert run_inline(store, run, worker=TRAINER) == code
    state = load_state(store.run(run))
    assert (state.state, state.attempt) == ("failed", 1)


def test_with_a_living_scheduler_both_agree(store: Store) -> None:
    client.ensure_scheduler(store, STAY)
    run = held(store, steps=40)
    assert run_inline(store, run, worker=TRAINER) == 0
    assert load_state(store.run(run)).state == "finished"
    assert check_run(store, run, 40) == []


def test_ctrl_c_leaves_a_checkpoint_and_a_paused_run_that_can_go_on(store: Store) -> None:
    run = held(store, steps=90)
    code = (
        "import sys; from pathlib import Path; from workbench.queue.foreground import run_inline;"
        "from workbench.store.store import open_store; from tests.queue.conftest import TRAINER;"
        "sys.exit(run_inline(open_store(Path(sys.argv[1])), sys.argv[2], worker=TRAINER))"
    )
    command = [sys.executable, "-c", code, str(store.root), run]
    person = subprocess.Popen(command, start_new_session=True, env=ENV, cwd=HERE.parents[1])
    until(store.run(run).checkpoints.exists)
    person.send_signal(signal.SIGINT)
    assert person.wait(10) == 76
    assert load_state(store.run(run)).state == "paused"
    assert run_inline(store, run, worker=TRAINER) == 0
    assert check_run(store, run, 90) == []


def test_a_run_claimed_by_another_process_is_left_to_it(store: Store) -> None:
    run = held(store)
    store.run(run).attempt(1).root.mkdir()
    create_json(store.run(run).attempt(1).claim, {"schema": 1, "pid": 1})
    with pytest.raises(WorkbenchError, match="just started it"):
        run_inline(store, run, worker=TRAINER)
    assert not (store.run(run).root / "ledger.jsonl").exists()


def test_a_run_that_is_over_is_refused(store: Store) -> None:
    run = held(store)
    write_state(store.run(run), RunState(state="cancelled", attempt=1))
    with pytest.raises(WorkbenchError, match=r"Cannot run .* cancelled"):
        run_inline(store, run, worker=TRAINER)


def test_it_can_be_cancelled_from_elsewhere(store: Store) -> None:
    run = held(store, "slow", steps=500)
    asked: list[bool] = []

    def cancel() -> None:
        if not asked and store.run(run).metrics.exists():
            asked.append(True)
            write_request(store.run(run), "cancel")
            client.ensure_scheduler(store, STAY)

    assert run_inline(store, run, cancel, TRAINER) == 76
    assert load_state(store.run(run)).state == "cancelled"


def test_a_missing_device_is_refused_before_anything_is_written(store: Store) -> None:
    run = create_run(store.paths, tiny_spec("tiny", 5, device="cuda:77"), held="Held.")
    with pytest.raises(WorkbenchError) as caught:
        run_inline(store, run, worker=TRAINER)
    assert caught.value.exit_code == 6
    assert list(Path(store.run(run).attempts).iterdir()) == []


def test_a_killed_shim_is_not_the_end_of_its_worker(store: Store) -> None:
    run = held(store, steps=80)
    paths = store.run(run)
    killed: list[int] = []

    def kill_shim() -> None:
        if not killed and paths.metrics.exists() and paths.metrics.read_bytes().count(b"\n") > 3:
            killed.append(read_json(paths.attempt(1).claim)["pid"])
            os.kill(killed[0], signal.SIGKILL)

    code = run_inline(store, run, kill_shim, TRAINER)
    assert killed and (code, load_state(paths).state) == (0, "finished")
    assert check_run(store, run, 80) == []
