"""Runs as one file: what comes back is what was packed, and a hostile archive leaves nothing behind."""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from tests.stores import make_run, make_store
from workbench.errors import STORE, USAGE, WorkbenchError
from workbench.store import pack as packing
from workbench.store import unpack as unpacking
from workbench.store.pack import mode_of, packed_files, write_pack
from workbench.store.paths import RunPaths
from workbench.store.runs import read_row
from workbench.store.store import open_store
from workbench.store.unpack import unpack

VAE, LAE = "20261121-100000-vae-digits-aaaa", "20261121-100001-lae-digits-bbbb"


@pytest.fixture
def runs(tmp_path) -> list[RunPaths]:
    root = make_store(tmp_path / "runs")
    found = [make_run(root, VAE), make_run(root, LAE, kind="lae")]
    for run in found:
        run.checkpoints.mkdir()
        (run.checkpoints / "9.pt").write_bytes(os.urandom(3000))
        (run.attempt(1).lock).touch()
        (run.control / "1-cancel.json").write_text("{}")
        (run.root / ".hidden.tmp").write_text("half")
        (run.root / "link").symlink_to("/etc/passwd")
        origin = json.loads(run.origin.read_text())
        run.origin.write_text(json.dumps({**origin, "variables": {"WORKBENCH_DATA_DIR": "/there"}}))
    return found


@pytest.fixture
def store(tmp_path):
    return open_store(make_store(tmp_path / "other"))


def packed(runs, mode="w|", **options) -> bytes:
    stream = io.BytesIO()
    write_pack(runs, stream, mode, **{"checkpoints": True, **options})
    return stream.getvalue()


def content(run: RunPaths) -> dict[str, bytes]:
    return {name: (run.root / name).read_bytes() for name in packed_files(run, checkpoints=True)}


def left(store) -> list[str]:
    return sorted(path.name for path in store.root.iterdir() if path.name != ".workbench")


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tgz", ".tar.xz"])
def test_runs_come_back_as_they_were(runs, store, ending):
    body = packed(runs, mode_of("x" + ending))
    assert unpack(store, io.BytesIO(body), "x") == {"unpacked": [VAE, LAE], "skipped": []}
    for run in runs:
        new = store.run(run.id)
        old, got = content(run), content(new)
        assert json.loads(got.pop("origin.json")) == {
            **json.loads(old.pop("origin.json")),
            "variables": {},  # they name folders of the other machine
            "packed_variables": {"WORKBENCH_DATA_DIR": "/there"},
        }
        assert got == old and "checkpoints/9.pt" in got
        names = {path.relative_to(new.root).as_posix() for path in new.root.rglob("*") if path.is_file()}
        assert names == {*old, "origin.json"}, "no locks, requests, hidden files or links"
        assert read_row(new) == read_row(run)
        assert {path.stat().st_mode & 0o077 for path in (new.root, *new.root.rglob("*"))} == {0}
    assert left(store) == [VAE, LAE]


def test_checkpoints_can_be_left_out(runs, store):
    unpack(store, io.BytesIO(packed(runs, checkpoints=False)), "x")
    assert not store.run(VAE).checkpoints.exists() and store.run(VAE).result.exists()


def test_a_run_is_never_overwritten(runs, store):
    unpack(store, io.BytesIO(packed(runs[:1])), "x")
    before = content(store.run(VAE))
    with pytest.raises(WorkbenchError, match=f"the store has {VAE} already") as caught:
        unpack(store, io.BytesIO(packed(runs)), "x")
    assert caught.value.exit_code == USAGE and left(store) == [VAE]
    found = unpack(store, io.BytesIO(packed(runs)), "x", skip_existing=True)
    assert found == {"unpacked": [LAE], "skipped": [VAE]} and content(store.run(VAE)) == before


def members(body: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return [(entry, archive.extractfile(entry).read()) for entry in archive]


def archive_of(parts) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry, body in parts:
            if entry.isreg():
                entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return stream.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def changed(parts, name: str, body: bytes):
    return [(made, body if made.name.endswith(name) else old) for made, old in parts]


def manifest_changed(parts, change):
    (_, text) = parts[-1]
    found = json.loads(text)
    change(found)
    return changed(parts, "manifest.json", json.dumps(found).encode())


def claimed(parts, name: str, body: bytes):
    """Return parts in which a file has another content, and the manifest says so too."""

    def change(found):
        found["runs"][VAE][name] = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}

    return manifest_changed(changed(parts, f"{VAE}/{name}", body), change)


EXTRA = {
    "absolute path": (entry("/etc/x"), "'/etc/x' is not the path"),
    "traversal": (entry(f"runs/{VAE}/../../x"), "is not the path"),
    "traversal of the id": (entry("runs/../x"), "is not the path"),
    "dot": (entry(f"runs/{VAE}/./x"), "is not the path"),
    "hidden": (entry(f"runs/{VAE}/.x"), "is not the path"),
    "too deep": (entry(f"runs/{VAE}/a/b/c/d"), "is not the path"),
    "terminal escapes": (entry(f"runs/{VAE}/\x1b[31m"), "is not the path"),
    "elsewhere": (entry("x"), "'x' is not the path"),
    "the store's own folder": (entry("runs/.workbench/store.json"), "is not the path"),
    "symbolic link": (entry(f"runs/{VAE}/x", tarfile.SYMTYPE, "/etc/passwd"), "is not a plain file"),
    "hard link": (entry(f"runs/{VAE}/x", tarfile.LNKTYPE, f"runs/{VAE}/spec.toml"), "is not a plain file"),
    "device": (entry(f"runs/{VAE}/x", tarfile.CHRTYPE), "is not a plain file"),
    "pipe": (entry(f"runs/{VAE}/x", tarfile.FIFOTYPE), "is not a plain file"),
    "folder": (entry(f"runs/{VAE}/x", tarfile.DIRTYPE), "is not a plain file"),
    "twice": (entry(f"runs/{VAE}/spec.toml"), "comes twice"),
    "not in the manifest": (entry(f"runs/{VAE}/x"), "is not the file that was packed"),
    "a file as a folder": (entry(f"runs/{VAE}/spec.toml/x"), "File exists"),
}


@pytest.mark.parametrize("fault", EXTRA)
def test_files_that_do_not_belong_are_refused(runs, store, fault):
    parts = members(packed(runs))
    made, words = EXTRA[fault]
    refused(store, archive_of([*parts[:-1], (made, b"x"), parts[-1]]), words)


def refused(store, body: bytes, words: str) -> None:
    outside = sorted(store.root.parent.rglob("*"))
    with pytest.raises(WorkbenchError, match=words) as caught:
        unpack(store, io.BytesIO(body), "x.tar")
    assert caught.value.exit_code == STORE and str(caught.value).startswith("Cannot unpack x.tar: ")
    assert left(store) == [] and sorted(store.root.parent.rglob("*")) == outside


def test_damage_is_refused(runs, store):
    body = packed(runs)
    parts = members(body)
    refused(store, archive_of(changed(parts, f"{LAE}/result.json", b"{}")), "is not the file that was packed")
    refused(store, archive_of(parts[1:]), "is missing")
    refused(store, archive_of(parts[:-1]), "it has no manifest")
    refused(store, archive_of([parts[-1], *parts[:-1]]), "a file follows the manifest")
    refused(store, archive_of(changed(parts, "manifest.json", b"[")), "its manifest is damaged")
    refused(store, archive_of(manifest_changed(parts, lambda m: m.update(schema=2))), "newer layout")
    refused(store, archive_of(manifest_changed(parts, lambda m: m.update(runs={}))), "manifest is damaged")
    refused(store, archive_of(manifest_changed(parts, lambda m: m["runs"].update({VAE: 3}))), "damaged")
    for cut in (0, 100, 5000, len(body) // 2):
        refused(store, body[:cut], "Cannot unpack")
    refused(store, b"no archive at all" * 1000, "Cannot unpack")
    refused(store, packed(runs, "w|gz")[:-3000], "Cannot unpack")


def test_what_is_no_finished_run_is_refused(runs, store):
    parts = members(packed(runs))
    refused(store, archive_of(claimed(parts, "spec.toml", b"name = ")), f"{VAE} is no run of this layout")
    newer = json.dumps({**json.loads(runs[0].origin.read_text()), "schema": 2}).encode()
    refused(store, archive_of(claimed(parts, "origin.json", newer)), "is no run of this layout")
    state = {**json.loads(runs[0].state.read_text()), "state": "queued"}
    running = claimed(parts, "state.json", json.dumps(state).encode())
    refused(store, archive_of(claimed(running, "result.json", b"{}")), f"{VAE} is queued, and only runs")


def test_bombs_are_refused(runs, store, monkeypatch):
    zeros = [(entry(f"runs/{VAE}/{k}"), bytes(1 << 20)) for k in range(3)]
    full = type("Usage", (), {"free": unpacking.SPARE + (2 << 20)})
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda path: full)
    refused(store, archive_of(zeros), "needs more space than the disk has")
    monkeypatch.setattr(unpacking, "MOST_FILES", 2)
    refused(store, archive_of([(made, b"") for made, _ in zeros]), "too many files")
    long = entry(f"runs/{VAE}/x")
    long.pax_headers = {"comment": "x" * (2 << 20)}
    refused(store, archive_of([(long, b"x")]), "an extended header is too large")


def test_an_interrupted_unpacking_leaves_nothing(runs, store, monkeypatch):
    body = packed(runs)
    real = Path.rename
    calls = []

    def failing(self, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(KeyboardInterrupt):
        unpack(store, io.BytesIO(body), "x")
    assert left(store) == [] and len(calls) == 2


def test_a_file_that_shrinks_meanwhile_is_reported(runs, monkeypatch):
    real = packing._entry
    # the header is written with the size of before
    monkeypatch.setattr(packing, "_entry", lambda name, size: real(name, size + name.endswith("worker.log")))
    with pytest.raises(WorkbenchError, match=r"worker\.log: it has changed meanwhile"):
        packed(runs)


def test_an_unknown_ending_is_refused():
    with pytest.raises(WorkbenchError, match=r"x.zip: unknown ending. Known: .tar, "):
        mode_of("x.zip")
