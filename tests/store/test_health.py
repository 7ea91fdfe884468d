"""The verdicts in a store: which file counts, and what damage leaves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.stores import make_run, make_store, record_evaluation
from workbench.results.groups import pooled
from workbench.results.query import filter_rows
from workbench.spec.health import Health, health_text
from workbench.store.evaluations import read_health
from workbench.store.files import read_json, write_json
from workbench.store.index import RunIndex
from workbench.store.paths import RunPaths
from workbench.store.runs import read_row
from workbench.store.store import open_store

BAD = {"verdict": "unhealthy", "reasons": ["the loss rose"], "numbers": {"train:loss rise": 3.0}}
SOUND = {"verdict": "healthy", "reasons": [], "numbers": {}}


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    return make_run(make_store(tmp_path / "runs"))


def add(paths: RunPaths, *entries: Any) -> None:
    write_json(paths.result, {**(read_json(paths.result) or {}), "health": list(entries)})


def test_a_result_without_health_reads_as_before(run: RunPaths) -> None:
    row = read_row(run)
    assert row is not None and (row.health, health_text(row.health), row.state) == ((), "", "finished")


@pytest.mark.parametrize(
    "entries", ["unhealthy", [BAD], [BAD] * 4, [BAD, SOUND, {"verdict": "fine"}], [1, 2, 3]]
)
def test_damaged_verdicts_count_as_absent(run: RunPaths, entries: Any) -> None:
    write_json(run.result, {**(read_json(run.result) or {}), "health": entries})
    row = read_row(run)
    assert row is not None and row.health == ()


def test_the_newer_of_result_and_evaluation_counts_and_the_list_sees_it(run: RunPaths) -> None:
    add(run, SOUND, SOUND, BAD)
    index = RunIndex(open_store(run.root.parent))
    assert health_text(index.rows()[0].health) == "unhealthy 1/3 !"
    finished = (read_json(run.result) or {})["finished"]
    for age, text in ((-1, "unhealthy 1/3 !"), (1, "healthy")):
        record_evaluation(run, "health", metric="health", health=[SOUND] * 3, finished=finished + age)
        os.utime(run.root)
        assert health_text(index.rows()[0].health) == text


def test_an_index_on_disk_remembers_verdicts(run: RunPaths) -> None:
    add(run, SOUND, BAD, BAD)
    os.utime(run.root, (1e9, 1e9))  # settled, so that the row is stored
    store = open_store(run.root.parent)
    for _ in range(2):
        index = RunIndex(store)
        assert index.rows()[0].health[1] == Health("unhealthy", ("the loss rose",))
        index.close()


def test_rows_are_found_by_health_and_groups_have_that_of_each_seed(run: RunPaths) -> None:
    add(run, SOUND, SOUND, BAD)
    other = make_run(run.root.parent, "run-2", seeds=(2, 3), created=2e9)
    add(other, SOUND, SOUND)
    rows = [row for row in map(read_row, (other, run)) if row is not None]
    found = {
        word: [row.id for row in filter_rows(rows, f"health:{word}")] for word in ("healthy", "unhealthy")
    }
    assert found == {"healthy": ["run-2"], "unhealthy": [run.id]}
    assert [one.verdict for one in pooled(rows).health] == ["healthy"] * 4  # seed 2 is that of the newer run
    assert read_health(None) == ()
