"""The content of own data is part of what a run is: hashes, resumes, results."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.own_data import write_digits
from workbench import api
from workbench.errors import DATA, WorkbenchError
from workbench.spec.resolve import resolve
from workbench.spec.schema import RunSpec

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


def test_a_run_names_its_data_and_refuses_to_continue_on_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_digits("npz", tmp_path, 100)
    store = api.stores.open_store(tmp_path / "runs", create=True)
    spec = queued(tmp_path / "d.npz")
    done, changed = api.queue.submit(store, [spec, spec.model_copy(update={"seeds": [7]})], inline=True)
    assert api.queue.run_inline(store, done) == 0
    result = json.loads((store.run(done).root / "result.json").read_text())
    named = {"name": "d", "path": str(tmp_path / "d.npz"), "hash": spec.data.hash}
    assert result["data"] == {**named, "skipped": []}
    environment = json.loads((store.run(done).root / "environment.json").read_text())
    assert environment["data"] == {"path": named["path"], "hash": named["hash"]}

    write_digits("npz", tmp_path, 99)
    with pytest.raises(WorkbenchError, match=r"Cannot resume .*d\.npz has changed: its hash is") as caught:
        api.queue.request(store, changed, "resume")
    assert caught.value.exit_code == DATA
    worker = [sys.executable, "-m", "workbench.engine.worker", str(store.run(changed).root), "1"]
    stopped = subprocess.run(worker, capture_output=True, text=True, timeout=100, check=False)
    assert stopped.returncode == 78 and "d.npz has changed: its hash is" in stopped.stderr.splitlines()[-1]

    (tmp_path / "d.npz").unlink()
    stopped = subprocess.run(worker, capture_output=True, text=True, timeout=100, check=False)
    assert stopped.returncode == 78
    assert "d.npz: there is no such file or folder on" in stopped.stderr.splitlines()[-1]
