"""The list of runs: always what the folders say, whatever happens to the cache."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from pathlib import Path
from random import Random

import pytest

from tests.stores import append_row, make_run, record_evaluation
from workbench.store import index as index_module
from workbench.store.files import write_json
from workbench.store.index import KEPT, RunIndex, database_path, index_of, on_network
from workbench.store.paths import RunPaths
from workbench.store.runs import read_row
from workbench.store.state import RunState, write_state
from workbench.store.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "runs")


def age(*runs: RunPaths) -> None:
    """Make folders old enough to be trusted by their time."""
    for run in runs:
        past = time.time() - 60
        os.utime(run.root, (past, past))


def three(store: Store) -> list[RunPaths]:
    return [make_run(store.root, f"20261121-14253{k}-vae-digits-aaa{k}", created=100.0 + k) for k in range(3)]


def test_rows_are_what_the_folders_say_newest_first(store: Store) -> None:
    runs = three(store)
    assert RunIndex(store).rows() == [read_row(run) for run in reversed(runs)]


def test_unchanged_runs_are_not_read_again_not_even_by_a_new_process(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(*three(store))
    index = RunIndex(store)
    before = index.rows()
    monkeypatch.setattr(index_module, "read_row", lambda paths: pytest.fail(f"{paths.id} was read again"))
    assert index.rows() == RunIndex(store).rows() == before  # equal in every field, tuples included


def test_each_change_of_a_run_shows_at_once(store: Store) -> None:
    run = make_run(store.root, state="running")
    index = RunIndex(store)
    assert index.rows()[0].state == "running"
    write_state(run, RunState("paused"))
    assert index.rows()[0].state == "paused"
    write_json(run.notes, {"schema": 1, "note": "odd", "tags": ["a"]})
    assert (index.rows()[0].note, index.rows()[0].tags) == ("odd", ("a",))
    write_json(run.result, {"schema": 1, "outcome": "finished"})
    assert index.rows()[0].state == "finished"


def test_a_change_in_the_same_tick_of_the_clock_is_not_missed(store: Store) -> None:
    """Folder times are coarse: two changes may share one. Young folders are therefore always read."""
    run = make_run(store.root, state="running")
    index = RunIndex(store)
    stamp = run.root.stat().st_mtime_ns
    index.rows()
    write_state(run, RunState("paused"))
    os.utime(run.root, ns=(stamp, stamp))
    assert index.rows()[0].state == "paused"


def test_removed_and_returned_runs_follow(store: Store, tmp_path: Path) -> None:
    runs = three(store)
    index = RunIndex(store)
    assert len(index.rows()) == 3
    runs[1].root.rename(tmp_path / "away")
    assert [row.id for row in index.rows()] == [runs[2].id, runs[0].id]
    assert len(RunIndex(store).rows()) == 2
    (tmp_path / "away").rename(runs[1].root)
    assert len(index.rows()) == 3


def test_the_cache_can_be_deleted_at_any_time(store: Store) -> None:
    runs = three(store)
    index = RunIndex(store)
    assert len(index.rows()) == 3
    for path in store.paths.hidden.glob("index.db*"):
        path.unlink()
    write_state(runs[0], RunState("paused"))
    assert len(index.rows()) == len(RunIndex(store).rows()) == 3


DAMAGE = {"empty": b"", "text": b"not a database" * 100, "damaged": b"SQLite format 3\0" + b"\xff" * 4096}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_made_anew(store: Store, damage: str) -> None:
    age(*three(store))
    first = RunIndex(store)
    before = first.rows()
    first.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{store.paths.index}{suffix}").unlink(missing_ok=True)
    store.paths.index.write_bytes(DAMAGE[damage])
    assert RunIndex(store).rows() == RunIndex(store).rows() == before
    assert sqlite3.connect(store.paths.index).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_damaged_row_is_read_from_its_folder(store: Store) -> None:
    age(*three(store))
    before = RunIndex(store).rows()
    database = sqlite3.connect(store.paths.index)
    database.execute("UPDATE run SET row = '{\"id\": 1}'")
    database.commit()
    assert RunIndex(store).rows() == before


def test_the_cache_of_a_newer_version_is_left_alone(store: Store) -> None:
    three(store)
    database = sqlite3.connect(store.paths.index)
    database.execute("PRAGMA user_version=99")
    database.close()
    assert len(RunIndex(store).rows()) == 3
    assert sqlite3.connect(store.paths.index).execute("PRAGMA user_version").fetchone() == (99,)


def test_a_store_that_can_only_be_read_gets_no_cache(store: Store) -> None:
    three(store)
    index = RunIndex(Store(store.root, "--store", read_only=True))
    assert len(index.rows()) == 3
    assert not store.paths.index.exists()


def test_a_busy_cache_costs_nothing_but_the_cache(store: Store) -> None:
    age(*three(store))
    index = RunIndex(store)
    index._database.execute("PRAGMA busy_timeout=10")
    other = sqlite3.connect(store.paths.index, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert len(index.rows()) == 3
    other.execute("ROLLBACK")


def test_several_threads_may_ask(store: Store) -> None:
    runs = three(store)
    index = RunIndex(store)
    wrong: list[int] = []

    def ask() -> None:
        wrong.extend(n for n in (len(index.rows()) for _ in range(20)) if n != 3)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for k in range(20):
        write_state(runs[k % 3], RunState("paused", attempt=k))
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_is_no_run_is_left_out(store: Store) -> None:
    good = make_run(store.root)
    (store.root / "20261121-000000-link-aaaa").symlink_to(good.root)
    (store.root / "empty").mkdir()
    (store.root / ".new-1").mkdir()
    index = RunIndex(store)
    assert [row.id for row in index.rows()] == [row.id for row in index.rows()] == [good.id]


def test_on_a_network_disk_the_cache_goes_to_a_local_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "on_network", lambda path: path == store.root)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = database_path(store.paths)
    assert place.is_relative_to(tmp_path / "state")
    three(store)
    assert len(RunIndex(store).rows()) == 3
    assert place.exists() and not store.paths.index.exists()


@pytest.mark.parametrize("fault", ["symlink", "open to others", "a file", "not ours"])
def test_without_a_private_folder_the_cache_lives_in_memory(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """/var/tmp is open to all: another user may have made the folder, to read or to mislead."""
    if fault == "not ours":
        monkeypatch.setattr(index_module.os, "getuid", lambda: os.geteuid() + 1)
    place, target = tmp_path / f"workbench-{os.getuid()}", tmp_path / "target"
    target.mkdir(mode=0o700)
    if fault == "symlink":
        place.symlink_to(target)
    elif fault == "a file":
        place.write_text("")
    else:
        place.mkdir(mode=0o777 if fault == "open to others" else 0o700)
        place.chmod(0o777 if fault == "open to others" else 0o700)
    monkeypatch.setattr(index_module, "on_network", lambda path: True)
    monkeypatch.setattr(index_module, "LOCAL", tmp_path)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    three(store)
    assert len(RunIndex(store).rows()) == 3
    assert not list(tmp_path.rglob("*.db"))


def test_a_private_folder_is_made_and_used_again(tmp_path: Path) -> None:
    for _ in range(2):
        assert index_module._own_folder(tmp_path / "mine").stat().st_mode & 0o077 == 0


def test_any_flipped_bit_of_the_cache_means_that_it_is_made_again(store: Store) -> None:
    runs = three(store)
    age(*runs)
    first = RunIndex(store)
    first.rows()
    first.close()
    expected, place = [read_row(run) for run in reversed(runs)], store.paths.index
    with sqlite3.connect(place) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    body = place.read_bytes()
    random = Random(0)
    words = [k for word in (b"CREATE TABLE", b"vae-digits", b'"state"') for k in found(body, word)]
    for at in [*words, *(random.randrange(len(body)) for _ in range(30))]:
        damaged = bytearray(body)
        damaged[at] ^= 0x80 if at in words else 1 << random.randrange(8)
        for suffix in ("-wal", "-shm"):
            Path(f"{place}{suffix}").unlink(missing_ok=True)
        place.write_bytes(damaged)
        index = RunIndex(store)
        assert index.rows() == expected, at
        index.close()


def found(body: bytes, word: bytes) -> list[int]:
    """Return a place inside each occurrence of a word."""
    return [match.start() + 2 for match in re.finditer(re.escape(word), body)]


def test_a_network_file_system_is_known_by_its_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / /home rw - nfs4 server:/home rw\n"
        "3 2 0:6 / /home/me/local rw - xfs /dev/sdb rw\n4 1 0:7 / /cloud rw - fuse.sshfs x rw\n"
    )
    real = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, *a, **k: mounts if "mountinfo" in str(self) else real(self, *a, **k)
    )
    places = ("/tmp", "/home/me/runs", "/home/me/local/runs", "/cloud/a", "/homes")
    assert [place for place in places if on_network(Path(place))] == ["/home/me/runs", "/cloud/a"]


def test_of_many_stores_only_those_used_last_stay_open(tmp_path: Path) -> None:
    stores = [open_store(tmp_path / str(k) / "runs") for k in range(KEPT + 2)]
    first = index_of(stores[0])
    assert index_of(stores[0]) is first
    for store in stores[1:]:
        index_of(store)
    files = {database_path(store.paths): store for store in stores}
    places = [path.resolve() for path in files if path]
    assert {handle.resolve() for handle in Path("/proc/self/fd").iterdir()} & {*places} == {*places[2:]}
    assert index_of(stores[0]).rows() == []  # opened again where it is wanted again


def test_settings_estimates_and_ends_of_curves_are_found_by_key(store: Store) -> None:
    runs = three(store)
    record_evaluation(runs[1])
    append_row(runs[2], 2000, loss=[1.0, 2.0, 3.0])
    append_row(runs[2], 2000, "test", loss=[7.0, 8.0, None])
    age(*runs[:2])  # the third is too young to be kept in the database
    index = RunIndex(store)
    index.rows()
    ids = [run.id for run in runs]
    assert index.settings("model.latent") == dict.fromkeys(ids, 8)
    assert index.settings("model.encoder") == dict.fromkeys(ids, "[512]")
    assert index.numbers("ais") == {ids[1]: -91.0}
    assert index.numbers("loss")[ids[2]] == index.numbers("loss.train")[ids[2]] == 2.0
    assert index.numbers("loss.test")[ids[2]] == 7.5
    assert index.numbers("nonsense") == {}
    assert {"model.latent", "training.lr", "ais", "loss"} <= set(index.detail_keys())


def test_numbers_are_read_once_and_again_after_a_change(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = three(store)[0]
    age(run)
    index = RunIndex(store)
    index.rows()
    assert run.id not in index.numbers("ais")
    record_evaluation(run)
    os.utime(run.root, (1e9, 1e9))  # as `evaluate` does: any other time than before
    index.rows()
    assert index.numbers("ais") == {run.id: -91.0}
    read = index_module.DETAILS["numbers"]
    again: list[str] = []
    monkeypatch.setitem(index_module.DETAILS, "numbers", lambda paths: again.append(paths.id) or read(paths))
    later = RunIndex(store)
    later.rows()
    assert later.numbers("ais") == {run.id: -91.0} and run.id not in again


def test_a_damaged_spec_has_no_settings_and_hides_no_other(store: Store) -> None:
    runs = three(store)
    runs[0].spec.write_text("model = [")
    runs[1].spec.write_text("[model]\nlatent = 3\nwhen = 2026-01-01\n")  # JSON has no dates
    age(*runs)
    index = RunIndex(store)
    index.rows()
    assert index.settings("model.latent") == {runs[1].id: 3, runs[2].id: 8}
