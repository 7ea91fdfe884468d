"""Which store is opened, how it is made, and what is refused."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from workbench.errors import WorkbenchError
from workbench.store import store as store_module
from workbench.store.store import Store, open_store


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with no store above it and a home of its own."""
    here = tmp_path / "project" / "deep"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.delenv("WORKBENCH_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def test_the_argument_comes_first(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_STORE", str(place / "variable"))
    assert (open_store(place / "given").root, open_store().root) == (place / "given", place / "variable")
    assert (open_store(place / "given").why, open_store().why) == ("--store", "WORKBENCH_STORE")


def test_then_the_nearest_runs_folder_upwards(place: Path) -> None:
    open_store(place / "project" / "runs")
    open_store(place / "runs")
    assert open_store() == Store(place / "project" / "runs", "nearest runs/")


def test_a_runs_folder_of_something_else_is_left_alone(place: Path) -> None:
    (place / "project" / "runs").mkdir()
    assert open_store().why == "user data"
    assert list((place / "project" / "runs").iterdir()) == []


def test_an_untouched_checkout_keeps_its_runs_in_runs(place: Path) -> None:
    (place / "project" / "runs").mkdir()
    (place / "project" / "runs" / ".gitkeep").touch()
    (place / "project" / "pyproject.toml").write_text('[project]\nname = "workbench"\n')
    assert open_store().root == place / "project" / "runs"


def test_else_the_users_data_folder(place: Path) -> None:
    assert open_store() == Store(place / "data" / "workbench" / "runs", "user data")


def test_new_folders_are_private(place: Path) -> None:
    old = os.umask(0o000)
    try:
        store = open_store(place / "a" / "b")
    finally:
        os.umask(old)
    for folder in (place / "a", store.root, store.paths.hidden):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_without_create_nothing_is_made(place: Path) -> None:
    with pytest.raises(WorkbenchError, match="does not exist") as caught:
        open_store(place / "none", create=False)
    assert caught.value.exit_code == 3
    assert not (place / "none").exists()


@pytest.mark.parametrize("path", ["\0", "a\0b", "~no-user-of-this-name/x"])
def test_a_path_that_cannot_be_one_is_a_sentence(path: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        open_store(Path(path))
    assert caught.value.exit_code == 5


def test_a_path_through_a_file_is_a_sentence(place: Path) -> None:
    (place / "file").touch()
    with pytest.raises(WorkbenchError, match="Cannot create the store"):
        open_store(place / "file" / "runs")


@pytest.mark.parametrize("body", ["", "{", "[]", '{"schema": "one"}', '{"schema": 99}'])
def test_a_damaged_marker_and_a_newer_layout_are_refused(place: Path, body: str) -> None:
    store = open_store(place / "runs")
    store.paths.marker.write_text(body)
    with pytest.raises(WorkbenchError, match="newer layout" if "99" in body else "Cannot read") as caught:
        open_store(place / "runs")
    assert caught.value.exit_code == 5


def test_a_store_that_cannot_be_written_opens_for_reading(place: Path, monkeypatch) -> None:
    open_store(place / "runs")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as root, permissions alone prove nothing
    store = open_store(place / "runs")
    assert store.read_only
    with pytest.raises(WorkbenchError, match="read-only"):
        store.must_be_writable()


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "a/../../b", "..", ".", "-rf", "a\0b", "a" * 300, "名前", "x ", ".tmp-x", "~/x", ""],
)
def test_names_that_could_leave_the_store_are_no_run_ids(place: Path, name: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        open_store(place / "runs").run(name)
    assert caught.value.exit_code == 3
    assert "\0" not in str(caught.value)


def test_a_store_that_cannot_be_finished_leaves_nothing_behind(tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_module, "write_json", full)
    with pytest.raises(WorkbenchError, match="no space left"):
        open_store(tmp_path / "a" / "runs")
    assert list(tmp_path.iterdir()) == []
