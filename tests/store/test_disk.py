"""Disk space: what is counted, what is deleted, and what never is."""

import hashlib
import os

import pytest

from tests.stores import make_run, make_store
from workbench import api
from workbench.store import disk
from workbench.store.files import write_json
from workbench.store.index import index_of
from workbench.store.state import load_state, write_state
from workbench.store.store import open_store

VAE = "20261121-100000-vae-digits-aaaa"


@pytest.fixture
def store(tmp_path):
    return open_store(make_store(tmp_path / "runs"))


def checkpoint(run, step: int, *, sound: bool = True) -> None:
    run.checkpoints.mkdir(exist_ok=True)
    body = os.urandom(5000)
    (run.checkpoints / f"{step}.pt").write_bytes(body)
    digest = hashlib.sha256(body if sound else b"").hexdigest()
    write_json(run.checkpoints / f"{step}.json", {"schema": 1, "step": step, "sha256": digest})


@pytest.fixture
def run(store):
    """A finished run with three checkpoints and four snapshots."""
    made = make_run(store.root, VAE)
    for step in (10, 20, 30):
        checkpoint(made, step)
        for folder in (made.samples, made.latents):
            (folder / f"{step}.npz").write_bytes(bytes(700))
    return made


def names(found):
    return sorted(path.relative_to(found.run.root).as_posix() for path in found.files)


def test_old_checkpoints_and_snapshots_are_not_needed(run):
    found = disk.unneeded(run)
    old = [f"{folder}/{step}.npz" for folder in ("latents", "samples") for step in (10, 20, 30)]
    assert names(found) == ["checkpoints/10.json", "checkpoints/10.pt", "checkpoints/20.json",
                            "checkpoints/20.pt", *old]  # fmt: skip
    assert found.bytes == sum(path.stat().st_size for path in found.files)
    before = disk.folder_bytes(run)
    assert disk.delete(found) == found.bytes == before - disk.folder_bytes(run)
    assert disk.unneeded(run).files == ()
    assert sorted(p.name for p in run.checkpoints.iterdir()) == ["30.json", "30.pt"]


def test_kinds_and_number_of_snapshots_can_be_chosen(run):
    assert {path.parent.name for path in disk.unneeded(run, snapshots=False).files} == {"checkpoints"}
    only = disk.unneeded(run, checkpoints=False, keep_last=3)
    assert names(only) == ["latents/10.npz", "samples/10.npz"]
    assert len(disk.unneeded(run, checkpoints=False, keep_last=0).files) == 8


def test_a_damaged_last_checkpoint_keeps_the_one_before(run):
    checkpoint(run, 40, sound=False)
    assert "checkpoints/30.pt" not in names(disk.unneeded(run))
    assert "checkpoints/20.pt" in names(disk.unneeded(run))


@pytest.mark.parametrize("state", ["queued", "starting", "running", "paused"])
def test_a_run_that_is_not_over_is_never_touched(store, run, state):
    found = disk.unneeded(run)
    run.result.unlink()
    write_state(run, load_state(run).__class__(state=state))
    assert disk.unneeded(run).files == ()
    assert disk.delete(found) == 0 and all(path.exists() for path in found.files)
    assert api.disk.unneeded(store, api.runs.list_runs(store)) == []


def test_links_are_neither_followed_nor_counted_as_their_target(run, tmp_path):
    (tmp_path / "big").write_bytes(bytes(1 << 20))
    before = disk.folder_bytes(run)
    (run.root / "link").symlink_to(tmp_path / "big")
    (run.root / "folder").symlink_to(tmp_path)
    assert disk.folder_bytes(run) < before + 1000


def test_sizes_are_counted_once_and_again_after_a_change(store, run, monkeypatch):
    calls = []
    real = disk.folder_bytes
    monkeypatch.setattr("workbench.store.index.folder_bytes", lambda paths: calls.append(1) or real(paths))
    long_ago = 1_700_000_000
    os.utime(run.root, (long_ago, long_ago))  # settled
    assert api.disk.usage(store) == {VAE: disk.folder_bytes(run)}
    assert api.disk.usage(store) == {VAE: disk.folder_bytes(run)} and len(calls) == 1
    assert [row.id for row in api.runs.filter_rows(store, api.runs.list_runs(store), "disk>1000")] == [VAE]
    assert len(calls) == 1
    freed = api.disk.free(store, api.disk.unneeded(store, api.runs.list_runs(store)))
    assert freed > 10_000 and api.disk.usage(store) == {VAE: disk.folder_bytes(run)}
    index_of(store).close()


def test_doctor_names_the_total_and_the_largest_run(store, run):
    (check,) = [check for check in api.devices.doctor(store) if check.name == "store disk"]
    assert f"; runs take {api.disk.usage(store)[VAE] / 1024:.0f} KiB, {VAE} " in check.found
