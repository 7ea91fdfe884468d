"""The content of own data is part of what a run is: hashes, resumes, results."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.engine.small import small_spec
from tests.own_data import digit_splits, write_digits
from workbench import api
from workbench.engine import session
from workbench.engine.process import Stop, explain, read_spec
from workbench.engine.recorder import Recorder
from workbench.errors import DATA, WorkbenchError
from workbench.exit_codes import WorkerExit
from workbench.spec.resolve import resolve
from workbench.spec.schema import RunSpec
from workbench.store.paths import RunPaths

QUICK = ["training.iterations=20", "evaluation.images=50", "evaluation.samples=50"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def queued(path: Path, *changes: str) -> RunSpec:
    """Return the spec as it would be queued."""
    (spec,) = api.queue.check_specs([resolve("vae-digits", [f"data.path={path}", *QUICK, *changes])])
    return spec


def test_content_counts_and_its_place_and_label_do_not(tmp_path: Path) -> None:
    write_digits("npz", tmp_path, 100)
    first = queued(tmp_path / "d.npz")
    (tmp_path / "elsewhere").mkdir()
    moved = queued((tmp_path / "d.npz").rename(tmp_path / "elsewhere" / "e.npz"))
    assert (first.data.name, moved.data.name) == ("d", "e") and len(first.data.hash) == 16
    assert first.group_hash() == moved.group_hash()
    write_digits("npz", tmp_path, 99)
    assert queued(tmp_path / "d.npz").group_hash() != first.group_hash()
    assert queued(tmp_path / "elsewhere" / "e.npz", "data.test=none").group_hash() != first.group_hash()


def test_names_of_files_below_a_folder_count(tmp_path: Path) -> None:
    write_digits("png", tmp_path / "d", 20)
    first = queued(tmp_path / "d", "data.range=[0, 16]")
    shutil.move(tmp_path / "d", tmp_path / "e")
    assert queued(tmp_path / "e", "data.range=[0, 16]").data.hash == first.data.hash
    (tmp_path / "e" / "train" / "6").rename(tmp_path / "e" / "train" / "six")
    assert queued(tmp_path / "e", "data.range=[0, 16]").data.hash != first.data.hash


def test_what_was_read_once_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_digits("png", tmp_path / "d", 20)
    first = queued(tmp_path / "d", "data.range=[0, 16]")
    monkeypatch.setattr("workbench.spec.data.files.images.decode", None)
    assert queued(tmp_path / "d", "data.range=[0, 16]") == first
    (entry,) = (tmp_path / "cache" / "workbench" / "data").iterdir()
    assert entry.name.startswith(first.data.hash) and entry.stat().st_mode & 0o077 == 0


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    write_digits("csv", tmp_path / "d", 20)
    assert queued(tmp_path / "d" / "train.csv", "data.test=test.csv").data.hash


def test_a_damaged_entry_is_made_again(tmp_path: Path) -> None:
    write_digits("csv", tmp_path / "d", 20)
    first = queued(tmp_path / "d" / "train.csv")
    (entry,) = (tmp_path / "cache" / "workbench" / "data").iterdir()
    (entry / "examples.npy").write_bytes(b"")
    assert queued(tmp_path / "d" / "train.csv") == first
    assert np.load(entry / "examples.npy").shape == (20, 64)


def test_a_run_names_its_data_and_refuses_to_continue_on_others(tmp_path: Path) -> None:
    path = Path(write_digits("npz", tmp_path, 100)["path"])
    store = api.stores.open_store(tmp_path / "runs", create=True)
    spec = small_spec("vae", [0], 20, data={"path": str(path), "name": ""})
    done, changed = api.queue.submit(store, [spec, spec.model_copy(update={"seeds": [7]})], inline=True)
    paths = store.run(done)
    spec = read_spec(paths)
    assert session.train(paths, spec, Recorder(paths), Stop()) == WorkerExit.DONE
    named = {"name": "d", "path": str(path), "hash": spec.data.hash}
    assert json.loads(paths.result.read_text())["data"] == {**named, "skipped": []}
    environment = json.loads(paths.environment.read_text())
    assert environment["data"] == {"path": named["path"], "hash": named["hash"]}

    write_digits("npz", tmp_path, 99)
    with pytest.raises(WorkbenchError, match=r"Cannot resume .*d\.npz has changed: its hash is") as caught:
        api.queue.request(store, changed, "resume")
    assert caught.value.exit_code == DATA
    assert refused_by_the_worker(store.run(changed)) == f"{path} has changed"
    path.unlink()
    assert refused_by_the_worker(store.run(changed)) == f"Cannot read {path}"


def test_a_file_that_changes_while_it_is_read_gives_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(write_digits("npy", tmp_path, 100)["path"])
    store = api.stores.open_store(tmp_path / "runs", create=True)
    spec = small_spec("vae", [0], 20, data={"path": str(path), "name": ""})
    (run,) = api.queue.submit(store, [spec], inline=True)
    monkeypatch.setattr(session, "load", partial(session.load, budget=0))

    def evaluated(*arguments: object) -> dict[str, object]:
        np.save(path, np.load(path)[::-1])
        return {}

    monkeypatch.setattr(session, "evaluate", evaluated)
    assert refused_by_the_worker(store.run(run)) == f"{path} has changed"
    assert not store.run(run).result.exists()


def refused_by_the_worker(paths: RunPaths) -> str:
    """Return what the worker reports, up to the colon; its exit code is that of bad input."""
    with pytest.raises(WorkbenchError) as caught:
        session.train(paths, read_spec(paths), Recorder(paths), Stop())
    code, sentence = explain(caught.value, "")
    assert code == WorkerExit.BAD_INPUT
    return sentence.partition(":")[0]


def test_of_two_processes_that_read_the_same_data_the_second_finds_the_entry(tmp_path: Path) -> None:
    write_digits("csv", tmp_path / "d", 50)
    code = (
        "import sys; from workbench.spec.data.files.own import open_data;"
        "from workbench.spec.data.settings import DataSettings;"
        "own = open_data(DataSettings.model_validate({'path': sys.argv[1]}));"
        "print(own.hash, int(own.arrays['examples'].sum()))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "d" / "train.csv")]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    found = {reader.communicate(timeout=60)[0] for reader in readers}
    expected = int(digit_splits()["train"][0][:50].sum())
    assert len(found) == 1 and found.pop().split()[1] == str(expected)
    (entry,) = (tmp_path / "cache" / "workbench" / "data").iterdir()
    assert not entry.name.startswith(".")
