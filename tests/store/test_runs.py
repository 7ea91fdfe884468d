"""Run folders: created whole or not at all, read as rows however damaged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tests.stores import SPECS, make_run
from workbench.spec.schema import RunSpec
from workbench.store import runs as runs_module
from workbench.store.files import read_json, write_json
from workbench.store.paths import RUN_ID, RunPaths
from workbench.store.runs import create_run, new_id, read_row, run_ids, slug, sweep_temporary
from workbench.store.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "runs")


def spec(name: str = "vae-digits") -> RunSpec:
    return RunSpec.model_validate(tomllib.loads(f"name = '{name}'\nseeds = [0, 7]\n{SPECS['vae']}"))


def test_ids_are_readable_and_sort_by_time() -> None:
    assert re.fullmatch(r"\d{8}-\d{6}-vae-digits-[a-z2-9]{4}", new_id("vae-digits", time.time()))
    assert new_id("b", 1e9) < new_id("a", 2e9)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("-rf *", "rf"),
        ("Größe ½", "groe-12"),
        ("名前", "run"),
        ("a\0b\x1b[31m", "a-b-31m"),
        ("x" * 300, "x" * 40),
        (". .", "run"),
    ],
)
def test_any_name_gives_a_safe_id(name: str, expected: str) -> None:
    assert slug(name) == expected
    assert RUN_ID.match(new_id(name, 1e9)) and not RUN_ID.match(new_id(name, 1e9) + "\n")


def test_a_new_run_explains_itself(store: Store) -> None:
    origins = {"preset": "vae-digits", "study": "start", "study_id": "start-1", "priority": 3}
    run_id = create_run(store.paths, spec(), overrides=["model.latent=2"], **origins)  # type: ignore[arg-type]
    paths = store.run(run_id)
    assert RunSpec.model_validate(tomllib.loads(paths.spec.read_text())) == spec()
    origin = read_json(paths.origin)
    assert origin["overrides"] == ["model.latent=2"]
    assert origin["group"] == spec().group_hash()
    row = read_row(paths)
    assert (row.state, row.name, row.kind, row.data) == ("queued", "vae-digits", "vae", "digits")
    assert (row.seeds, {key: getattr(row, key) for key in origins}) == ((0, 7), origins)
    assert run_ids(store.root) == [run_id]


def test_files_of_a_run_are_private(store: Store) -> None:
    paths = store.run(create_run(store.paths, spec()))
    assert [p for p in (paths.root, *paths.root.rglob("*")) if p.stat().st_mode & 0o077] == []


def test_many_runs_of_one_name_in_one_second_differ(store: Store) -> None:
    assert len({create_run(store.paths, spec()) for _ in range(20)}) == len(run_ids(store.root)) == 20


@pytest.mark.parametrize("step", ["write_atomic", "write_json", "sync_folder"])
def test_a_full_disk_leaves_nothing_behind(store: Store, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs_module, step, full)
    with pytest.raises(OSError, match="No space"):
        create_run(store.paths, spec())
    assert [path.name for path in store.root.iterdir()] == [".workbench"]


def test_half_made_folders_are_swept_when_old(store: Store) -> None:
    for name in (".new-young", ".new-old"):
        (store.root / name).mkdir()
    os.utime(store.root / ".new-old", (0, 0))
    sweep_temporary(store.root)
    assert sorted(path.name for path in store.root.iterdir()) == [".new-young", ".workbench"]


def test_links_hidden_and_odd_folders_are_not_runs(store: Store) -> None:
    run_id = create_run(store.paths, spec())
    (store.root / "link").symlink_to(store.root / run_id)
    (store.root / "file").touch()
    for name in (".hidden", ".new-abc", "a b", "-rf", "名前"):
        (store.root / name).mkdir()
    assert run_ids(store.root) == [run_id]


def test_a_held_run_is_paused_from_the_first_moment(store: Store) -> None:
    row = read_row(store.run(create_run(store.paths, spec(), held="Held.")))
    assert row is not None and (row.state, row.reason) == ("paused", "Held.")


def test_a_result_counts_more_than_the_state(store: Store) -> None:
    paths = make_run(store.root, state="running")
    write_json(paths.result, {"schema": 1, "outcome": "finished", "step": 1820, "metrics": {}})
    row = read_row(paths)
    assert row is not None and (row.state, row.phase, row.step) == ("finished", "done", 1820)


def test_a_diverged_result_is_a_failed_run(store: Store) -> None:
    paths = make_run(store.root, state="running")
    nothing = {"values": [None, 1.5, None], "se": [None] * 3, "n": 9}
    result = {"schema": 1, "outcome": "diverged", "metrics": {"loss": nothing}}
    write_json(paths.result, {**result, "diverged_tensor": "gradient of decoder.2.weight\x1b[2J"})
    row = read_row(paths)
    assert row is not None and (row.state, row.failure) == ("failed", "diverged")
    assert row.summary == {"loss": (None, 1.5, None)}
    assert "gradient of decoder.2.weight" in row.reason


def test_a_run_without_its_spec_and_origin_is_none(store: Store) -> None:
    paths = make_run(store.root)
    paths.spec.unlink()
    assert read_row(paths) is None
    assert read_row(RunPaths(store.root / "nothing")) is None


@pytest.mark.parametrize("name", ["origin", "state", "progress", "notes", "result"])
@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '{"seeds": 3, "step": "x", "tags": 5, "metrics": []}', "\x00"]
)
def test_damaged_files_cost_only_what_they_held(store: Store, name: str, body: str) -> None:
    paths = make_run(store.root)
    getattr(paths, name).write_text(body)
    row = read_row(paths)
    assert (row.id, row.name, row.seeds) == (paths.id, "vae-digits", (0, 1, 2))


def test_rows_are_read_without_slow_imports() -> None:
    code = "import sys, workbench.store.index; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "numpy", "pydantic", "textual"} & set(loaded.split())


def test_numbers_that_no_computer_can_hold_are_left_out_of_a_row(store: Store) -> None:
    paths = make_run(store.root)
    huge = "1" + "0" * 400
    wide = f'{{"test_mse": {{"values": [NaN, Infinity, {huge}], "n": 1}}}}'
    paths.result.write_text(f'{{"outcome": "finished", "step": 1e999, "finished": NaN, "metrics": {wide}}}')
    paths.state.write_text(f'{{"state": "running", "started": {huge}, "ended": NaN, "attempt": "x"}}')
    row = read_row(paths)
    assert row is not None and row.summary == {"test_mse": (None, None, None)}
    assert (row.state, row.started, row.ended, row.attempt, row.step) == ("finished", None, None, 0, 0)
