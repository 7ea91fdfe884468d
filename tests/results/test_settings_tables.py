"""Settings side by side: only what differs, and every run with all it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores import make_run, make_store
from workbench.results.settings_tables import differing_table, runs_table, setting_cell
from workbench.store.paths import StorePaths
from workbench.store.runs import read_row


@pytest.fixture
def store(tmp_path: Path) -> StorePaths:
    root = make_store(tmp_path / "runs")
    make_run(root, "run-a", kind="vae", points=2)
    make_run(root, "run-b", kind="vae", points=2, seeds=(7,))
    make_run(root, "run-c", kind="lae", points=2, state="running")
    return StorePaths(root)


def test_only_settings_that_differ(store: StorePaths) -> None:
    table = differing_table(store, ["run-a", "run-b"])
    assert [[cell.text for cell in row] for row in table.rows] == [["seeds", "0 1 2", "7"]]
    assert [column.key for column in table.columns] == ["key", "run-a", "run-b"]


def test_settings_of_another_family_show_a_dash(store: StorePaths) -> None:
    rows = {row[0].text: row[1:] for row in differing_table(store, ["run-a", "run-c"]).rows}
    assert [cell.text for cell in rows["model.beta"]] == ["1.0", "–"]
    assert [cell.text for cell in rows["model.kind"]] == ["vae", "lae"]
    assert "data.name" not in rows


def test_equal_runs_and_single_runs_say_so(store: StorePaths) -> None:
    assert differing_table(store, ["run-a", "run-a"]).notes == ("There is nothing to compare one run with.",)
    store.run("run-b").spec.write_text(store.run("run-a").spec.read_text())
    assert differing_table(store, ["run-a", "run-b"]).notes == ("All settings are the same.",)


def test_a_run_without_readable_settings_is_named(store: StorePaths) -> None:
    store.run("run-b").spec.write_bytes(b"\xff\x00")
    table = differing_table(store, ["run-a", "run-b"])
    assert "run-b: its settings cannot be read." in table.notes
    assert all(row[2].text == "–" for row in table.rows)


def test_all_runs_with_settings_and_results(store: StorePaths) -> None:
    rows = [row for run_id in ("run-a", "run-c") if (row := read_row(store.run(run_id)))]
    table = runs_table(store, rows)
    assert [cell.text for cell in table.column("id")] == ["run-a", "run-c"]
    assert [cell.mean for cell in table.column("model.step_size")] == [None, 1e-4]
    assert [cell.text for cell in table.column("knn_accuracy")] == ["1.03 ± 0.10", "–"]
    assert table.column("training_seconds")[0].n == 1
    assert [cell.text for cell in table.column("seeds")] == ["0 1 2", "0 1 2"]


def test_settings_as_cells() -> None:
    assert setting_cell({"a": True}, "a").text == "true"
    assert setting_cell({"a": [64, 64]}, "a").text == "64 64"
    assert setting_cell({"a": -3}, "a").mean == -3
    assert setting_cell({"a": 2**80}, "a").kind == "text"
    assert setting_cell({}, "a").text == "–"
