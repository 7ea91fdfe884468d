"""Submitting, requests that make sense and that do not, and forecasts."""

from pathlib import Path
from socket import gethostname
from typing import Any

import numpy as np
import pytest

from tests.queue.person import tiny_spec
from tests.stores import make_run
from workbench.api import queue
from workbench.api.presets import resolve
from workbench.api.runs import list_runs, spec_of
from workbench.errors import WorkbenchError
from workbench.queue.transitions import apply
from workbench.spec.models.vae import VAESettings
from workbench.store.files import read_json, write_json
from workbench.store.state import RunState, State, load_state, read_requests, write_state
from workbench.store.store import Store, open_store

HERE = gethostname()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store whose scheduler is only counted, not started."""
    store = open_store(tmp_path / "runs")
    calls: list[Store] = []
    monkeypatch.setattr(queue, "ensure_scheduler", calls.append)
    monkeypatch.setattr(Store, "started", calls, raising=False)
    return store


def started(store: Store) -> int:
    return len(store.started)  # type: ignore[attr-defined]


def test_submitted_runs_lie_queued_in_the_order_given(store: Store) -> None:
    specs = [tiny_spec(name, 5) for name in ("a", "b", "c")]
    ids = queue.submit(store, specs, preset="tiny", overrides=["x=1"], study="s", study_id="s-1", priority=2)
    rows = list_runs(store)
    assert [row.id for row in reversed(rows)] == ids
    assert {(row.state, row.preset, row.study_id, row.priority) for row in rows} == {
        ("queued", "tiny", "s-1", 2)
    }
    assert spec_of(store, ids[1]) == specs[1]
    assert started(store) == 1


def test_a_held_run_starts_no_scheduler(store: Store) -> None:
    queue.submit(store, [tiny_spec("a", 5)], inline=True)
    assert list_runs(store)[0].state == "paused"
    assert started(store) == 0


def test_a_family_that_does_not_stack_becomes_one_run_per_seed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tiny_spec("a", 5).model_copy(update={"seeds": [4, 5, 6]})
    assert len(queue.submit(store, [spec])) == 1
    monkeypatch.setattr(VAESettings, "stackable", False)
    ids = queue.submit(store, [spec])
    assert [spec_of(store, run_id).seeds for run_id in ids] == [[4], [5], [6]]
    assert len({row.group for row in list_runs(store)}) == 1


def test_a_device_that_is_not_here_stops_all_before_the_first(store: Store) -> None:
    with pytest.raises(WorkbenchError, match="cuda:55 is not on this machine") as caught:
        queue.submit(store, [tiny_spec("a", 5), tiny_spec("b", 5, device="cuda:55")])
    assert caught.value.exit_code == 6
    assert list_runs(store) == []


@pytest.mark.parametrize(
    ("preset", "changes", "text"),
    [
        (
            "vae-digits",
            "model.encoder=[4,4,4,4]",
            "the 4 layers of model.encoder need pictures of 16 × 16",
        ),
        ("lebm-moons", "data.name=moons", "it needs pictures, and moons has none"),
        ("vae-digits", "model.encoder=[4,4,4] data.path={tmp}/own.npy", "own.npy has 4 × 4"),
    ],
)
def test_a_net_that_cannot_take_the_data_is_refused_before_it_is_queued(
    store: Store, tmp_path: Path, preset: str, changes: str, text: str
) -> None:
    np.save(tmp_path / "own.npy", np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4))
    spec = resolve(preset, ["model.net=conv", *changes.format(tmp=tmp_path).split()], "1")
    with pytest.raises(WorkbenchError, match=text) as caught:
        queue.submit(store, [spec])
    assert caught.value.exit_code == 2 and list_runs(store) == []


def test_a_full_disk_is_reported_with_what_was_done(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real, count = queue.create_run, 0

    def sometimes(*arguments: Any, **named: Any) -> str:
        nonlocal count
        count += 1
        if count == 2:
            raise OSError(28, "No space left on device")
        return real(*arguments, **named)

    monkeypatch.setattr(queue, "create_run", sometimes)
    with pytest.raises(WorkbenchError, match="No space left") as caught:
        queue.submit(store, [tiny_spec("a", 5)] * 3)
    assert (caught.value.exit_code, "1 of 3" in caught.value.hint) == (5, True)
    assert started(store) == 1  # for the one that was written


def test_settings_of_the_submitter_go_with_the_run_but_no_secrets(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WORKBENCH_DOWNLOAD", "WORKBENCH_API_TOKEN", "WORKBENCH_STORE", "OTHER"):
        monkeypatch.setenv(name, "no")
    (run_id,) = queue.submit(store, [tiny_spec("a", 5)])
    variables = read_json(store.run(run_id).origin)["variables"]
    assert variables["WORKBENCH_DOWNLOAD"] == "no"
    assert not {"WORKBENCH_API_TOKEN", "WORKBENCH_STORE", "OTHER"} & set(variables)


def test_a_request_is_left_for_the_scheduler(store: Store) -> None:
    (run_id,) = queue.submit(store, [tiny_spec("a", 5)])
    queue.request(store, run_id[-4:], "priority", 7)
    queue.request(store, run_id, "cancel")
    found = [(request.verb, request.value) for request in read_requests(store.run(run_id))]
    assert found == [("priority", 7), ("cancel", None)]
    assert started(store) == 3


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        ("finished", "cancel"),
        ("finished", "retry"),
        ("queued", "resume"),
        ("failed", "pause"),
        ("running", "retry"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(store: Store, state: State, verb: Any) -> None:
    run = make_run(store.root, state=state)
    with pytest.raises(WorkbenchError, match=f"Cannot {verb} .*: it is {state}"):
        queue.request(store, run.id, verb)
    assert read_requests(run) == []


def test_a_resume_may_be_asked_while_the_run_is_still_stopping(store: Store) -> None:
    run = make_run(store.root, state="running")
    write_state(run, RunState("running", 1, stopping="pause"))
    queue.request(store, run.id, "resume")
    assert [request.verb for request in read_requests(run)] == ["resume"]


def test_a_diverged_run_is_not_retried(store: Store) -> None:
    run = make_run(store.root, state="running")
    write_json(run.result, {"schema": 1, "outcome": "diverged"})
    with pytest.raises(WorkbenchError, match="diverged"):
        queue.request(store, run.id, "retry")


@pytest.mark.parametrize("value", [None, 10_000, -10_000])
def test_priorities_have_a_range(store: Store, value: int | None) -> None:
    run = make_run(store.root, state="queued")
    with pytest.raises(WorkbenchError, match="whole number"):
        queue.request(store, run.id, "priority", value)


def test_unknown_verbs_and_runs_get_suggestions(store: Store) -> None:
    run = make_run(store.root, state="queued")
    with pytest.raises(WorkbenchError) as caught:
        queue.request(store, run.id, "cancle")  # type: ignore[arg-type]
    assert "cancel" in caught.value.hint
    with pytest.raises(WorkbenchError) as caught:
        queue.request(store, run.id[:-1] + "x", "cancel")
    assert run.id in caught.value.hint


def test_nothing_is_submitted_to_a_store_that_can_only_be_read(store: Store) -> None:
    reader = Store(store.root, "--store", read_only=True)
    with pytest.raises(WorkbenchError, match="read-only"):
        queue.submit(reader, [tiny_spec("a", 5)])


def finished(store: Store, number: int, kind: str, seconds: float, steps: int, host: str = HERE) -> None:
    """Write a finished run of `seconds`, claimed on `host`."""
    run = make_run(store.root, f"20261121-14253{number}-{kind}-digits-aaaa", kind=kind, created=number)
    write_state(run, RunState("finished", 1, started=100.0, ended=100.0 + seconds))
    write_json(run.result, {"schema": 1, "outcome": "finished", "step": steps, "finished": 100.0 + seconds})
    write_json(run.attempt(1).claim, {"schema": 1, "host": host})


def test_a_forecast_is_the_median_of_the_same_settings_here(store: Store) -> None:
    for number, seconds in enumerate([8.0, 9.0, 30.0]):
        finished(store, number, "vae", seconds, 1820)
    finished(store, 7, "vae", 500.0, 1820, host="another machine")
    spec = spec_of(store, list_runs(store)[0].id)
    expected = queue.forecast(store, spec)
    assert expected is not None
    assert (expected.seconds, expected.runs, expected.basis) == (9.0, 3, "the same settings")


def test_else_the_same_model_and_data_scaled_by_iterations(store: Store) -> None:
    finished(store, 1, "vae", 10.0, 1000)
    spec = spec_of(store, list_runs(store)[0].id)
    longer = spec.model_copy(update={"training": spec.training.model_copy(update={"iterations": 3000})})
    expected = queue.forecast(store, longer)
    assert expected is not None
    assert (expected.seconds, expected.basis) == (30.0, "the same model and data")
    # 20 passes over 1437 examples in batches of 100 are 288 updates
    epochs = spec.training.model_copy(update={"iterations": None, "epochs": 20})
    expected = queue.forecast(store, spec.model_copy(update={"training": epochs}))
    assert expected is not None and expected.seconds == pytest.approx(2.88)


def test_without_experience_there_is_no_forecast(store: Store) -> None:
    finished(store, 1, "lae", 10.0, 1000)
    make_run(store.root, "20261121-142530-vae-digits-run1", state="running")
    assert queue.forecast(store, tiny_spec("a", 5)) is None


def test_a_run_whose_source_has_not_finished_is_refused_before_it_is_queued(store: Store) -> None:
    (waiting,) = queue.submit(store, [tiny_spec("a", 5)])
    spec = tiny_spec("b", 5)
    for source, words, code in ((waiting, "it is queued", 2), ("absent", "no finished run 'absent'", 3)):
        training = spec.training.model_copy(update={"init_from": source})
        with pytest.raises(WorkbenchError, match=words) as caught:
            queue.submit(store, [spec.model_copy(update={"training": training})])
        assert caught.value.exit_code == code
    assert len(list_runs(store)) == 1


def order(store: Store) -> list[str]:
    """Apply the waiting requests, as a scheduler does, and return the names in the order of the queue."""
    for row in list_runs(store):
        paths = store.run(row.id)
        for request in read_requests(paths):
            moved = apply(load_state(paths), request.verb, request.value, 0.0, request.place)
            assert isinstance(moved, RunState)
            write_state(paths, moved)
            request.path.unlink()
    return [row.name for row in sorted(list_runs(store), key=lambda row: row.turn)]


def test_moving_runs_in_the_queue(store: Store) -> None:
    ids = {
        name: queue.submit(store, [tiny_spec(name, 5)], priority=priority)[0]
        for name, priority in (("a", 0), ("b", 0), ("c", 0), ("urgent", 5))
    }
    assert order(store) == ["urgent", "a", "b", "c"]
    queue.move(store, ids["c"], before=ids["b"])
    assert order(store) == ["urgent", "a", "c", "b"]
    queue.move(store, ids["b"])
    assert order(store) == ["b", "urgent", "a", "c"]
    queue.move(store, ids["urgent"], last=True)
    assert order(store) == ["b", "a", "c", "urgent"]
    queue.move(store, ids["a"], before=ids["urgent"])
    assert order(store) == ["b", "c", "a", "urgent"]


def test_a_run_after_one_that_failed_is_refused(store: Store) -> None:
    run = make_run(store.root, state="failed")
    with pytest.raises(WorkbenchError, match=r"Cannot queue runs after .*: it is failed"):
        queue.submit(store, [tiny_spec("a", 5)], after=[run.id])
    (first,) = queue.submit(store, [tiny_spec("a", 5)])
    (then,) = queue.submit(store, [tiny_spec("b", 5)], after=[first[-4:]])
    assert read_json(store.run(then).origin)["after"] == [first]


def test_of_many_runs_those_that_allow_it_get_the_request(store: Store) -> None:
    """One of 500 may have just ended."""
    ids = queue.submit(store, [tiny_spec("a", 5)] * 3)
    write_state(store.run(ids[1]), RunState("finished"))
    done, refused = queue.request_all(store, [*ids, "nope"], "cancel")
    assert done == [ids[0], ids[2]]
    assert [error.exit_code for error in refused] == [2, 3] and "it is finished" in str(refused[0])
    assert [len(read_requests(store.run(run_id))) for run_id in ids] == [1, 0, 1]
