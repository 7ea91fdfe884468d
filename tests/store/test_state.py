"""The state file and the request files, as they lie on disk."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.stores import make_run
from workbench.results.live import LiveRun
from workbench.store.files import read_json, write_json
from workbench.store.paths import RunPaths
from workbench.store.runs import read_row
from workbench.store.state import (
    RunState,
    Verb,
    load_state,
    read_requests,
    state_of,
    write_request,
    write_state,
)
from workbench.store.store import Store


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    (tmp_path / "run").mkdir()
    return RunPaths(tmp_path / "run")


def test_a_state_comes_back_as_it_was_written(run: RunPaths) -> None:
    words = ("because", "lost", "soon", "cuda:1")
    state = RunState("running", 3, 2, -1, *words, 1.0, 2.5, None, 9.0, "cancel", 7, True)
    write_state(run, state)
    assert state_of(read_json(run.state)) == state
    assert run.state.stat().st_mode & 0o777 == 0o600


def test_an_older_file_without_some_fields_takes_the_defaults(run: RunPaths) -> None:
    run.state.write_text('{"schema": 1, "state": "paused", "attempt": 2, "colour": "red", "tries": "many"}')
    assert state_of(read_json(run.state)) == RunState(state="paused", attempt=2)


@pytest.mark.parametrize("body", ["", "null", "[1]", '{"state": "gone"}', '{"attempt": 1}', "\x00\x00"])
def test_a_damaged_file_counts_as_absent(run: RunPaths, body: str) -> None:
    run.state.write_text(body)
    assert state_of(read_json(run.state)) is None


DIVERGED = {"schema": 1, "outcome": "diverged", "diverged_tensor": "decoder.2.weight at step 341 (seed 0)"}


LOST = {"state": "failed", "failure": "lost", "reason": "Lost."}


@pytest.mark.parametrize(
    ("state", "result", "expected", "failure", "reason"),
    [
        ({"state": "running"}, DIVERGED, "failed", "diverged", "decoder.2.weight at step 341"),
        (LOST, DIVERGED, "failed", "diverged", "decoder"),
        ({"state": "running", "reason": "Odd."}, {"outcome": "finished"}, "finished", "", ""),
        ({"state": "running", "reason": "Odd."}, {"outcome": "improved"}, "running", "", "Odd."),
        ({"state": "paused", "reason": "Odd."}, {"outcome": ["finished"]}, "paused", "", "Odd."),
        ({"state": "flying", "reason": "Odd."}, None, "queued", "", ""),
        (None, {"outcome": "finished"}, "finished", "", ""),
    ],
)
def test_lists_panes_and_queue_agree_on_a_run_whose_state_was_not_rewritten(
    tmp_path: Path, state: object, result: object, expected: str, failure: str, reason: str
) -> None:
    paths = make_run(tmp_path, state="running")
    write_json(paths.state, state)
    if result is not None:
        write_json(paths.result, result)
    row, queue, live = read_row(paths), load_state(paths), LiveRun(Store(tmp_path, ""), paths.id)
    live.poll()
    assert row.state == queue.state == live.progress.state == expected
    assert row.failure == queue.failure == failure
    assert row.reason == queue.reason == live.progress.reason
    assert reason in row.reason and bool(reason) == bool(row.reason)


def test_they_agree_too_on_a_claimed_attempt_whose_state_is_damaged(tmp_path: Path) -> None:
    paths = make_run(tmp_path, state="running")
    paths.state.write_text("{")
    write_json(paths.attempt(1).claim, {"schema": 1, "pid": 1})
    row, live = read_row(paths), LiveRun(Store(tmp_path, ""), paths.id)
    live.poll()
    queue = load_state(paths)
    assert row.state == queue.state == live.progress.state == "starting"
    assert row.attempt == queue.attempt == 1


@pytest.mark.parametrize(
    "clock", [[5] * 5, [1, 2, 3, 4, 5], [9, 2, 7, 1, 1]], ids=["one tick", "later", "set back"]
)
def test_requests_come_back_in_the_order_of_submission(
    run: RunPaths, monkeypatch: pytest.MonkeyPatch, clock: list[int]
) -> None:
    verbs: list[Verb] = ["pause", "resume", "cancel", "retry", "priority"]
    for now, verb in zip(clock, verbs, strict=True):
        monkeypatch.setattr(time, "time_ns", lambda now=now: now * 10**17)
        write_request(run, verb, 3 if verb == "priority" else None)
    assert [request.verb for request in read_requests(run)] == verbs
    assert all(re.fullmatch(r"\d{20}-[a-z]+\.json", path.name) for path in run.control.iterdir())


def test_requests_that_make_no_sense_are_deleted(run: RunPaths) -> None:
    run.control.mkdir()
    for name, body in {"1-x.json": "{", "2-x.json": '{"verb": "explode"}', "3-x.json": "[]"}.items():
        (run.control / name).write_text(body)
    (run.control / ".half.tmp").write_text("{")  # being written
    write_request(run, "cancel")
    assert [request.verb for request in read_requests(run)] == ["cancel"]
    assert len(list(run.control.iterdir())) == 2


@pytest.mark.parametrize("value", ["high", 10**12, None])
def test_a_priority_that_is_none_or_out_of_range_is_none(run: RunPaths, value: object) -> None:
    run.control.mkdir()
    write_json(run.control / "1-priority.json", {"verb": "priority", "value": value})
    assert [request.value for request in read_requests(run)] == [None]
