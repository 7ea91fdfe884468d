"""Reads an archive of runs, which may come from anywhere, into a store: whole runs, or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import tarfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

from workbench.errors import STORE, USAGE, WorkbenchError
from workbench.store.files import CHUNK, LARGEST, read_toml, sync_folder, write_json
from workbench.store.json_fields import read_table, table
from workbench.store.pack import MANIFEST, ROOT, SCHEMA
from workbench.store.paths import RUN_ID, RunPaths
from workbench.store.runs import HIDDEN, read_row
from workbench.store.store import Store

MOST_FILES = 1_000_000
LONGEST_HEADER = 1 << 20  # bytes of an extended header of one file
DEEPEST = 4  # parts of a path inside a run folder
SPARE = 64 << 20  # bytes that stay free on the disk
PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}\Z")  # never ".", ".." or hidden


def unpack(
    store: Store, stream: IO[bytes], label: str, *, skip_existing: bool = False
) -> dict[str, list[str]]:
    """Unpack the runs of an archive; return the ids that are new ("unpacked") and those "skipped".

    Nothing is extracted by `tarfile` itself. Every file is compared with the manifest before a run appears,
    by one rename. A run of the store is never changed.

    Raises:
        WorkbenchError: if the archive is no such archive, damaged, unsafe, or too large for the disk (5); if
            a run is in the store already, unless it may be skipped (2).
    """
    staging = store.root / f"{HIDDEN}{secrets.token_hex(6)}"  # swept after a day, if this process dies
    staging.mkdir(mode=0o700)
    try:
        found, manifest = _extract(stream, staging, label)
        _compare(found, manifest, label)
        runs = [RunPaths(staging / run_id) for run_id in manifest]
        for run in runs:
            _check_run(run, label)
        there = [run.id for run in runs if os.path.lexists(store.root / run.id)]
        if there and not skip_existing:
            some = ", ".join(there[:3]) + (", …" if len(there) > 3 else "")
            raise WorkbenchError(
                f"Cannot unpack {label}: the store has {some} already.",
                "--skip-existing leaves these out.",
                USAGE,
            )
        new = [run for run in runs if run.id not in there]
        for run in new:
            _detach(run)
        _publish(store, new)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise _refusal(label, str(getattr(error, "strerror", None) or error).rstrip(".")) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return {"unpacked": [run.id for run in new], "skipped": there}


def _extract(
    stream: IO[bytes], staging: Path, label: str
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Write the files below `staging`; return size and sha256 of each "id/path", and the manifest's runs."""
    found: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    room = shutil.disk_usage(staging).free - SPARE
    with tarfile.open(fileobj=stream, mode="r|*", tarinfo=_Header, errorlevel=2) as archive:
        for member in archive:
            if manifest is not None:
                raise _refusal(label, "a file follows the manifest")
            if not member.isreg() or member.issparse():
                raise _refusal(label, f"{member.name[:200]!r} is not a plain file")
            body = archive.extractfile(member)
            assert body is not None, "of a plain file there is one"
            if member.name == MANIFEST:
                if member.size > LARGEST:
                    raise _refusal(label, "its manifest is too large")
                manifest = _manifest(body.read(), label)
                continue
            name = _safe_name(member.name, label)
            room -= member.size
            if room < 0:
                raise _refusal(label, "it needs more space than the disk has")
            if name in found or len(found) >= MOST_FILES:
                raise _refusal(label, f"{name!r} comes twice" if name in found else "it has too many files")
            found[name] = _write(body, staging, name, member.size)
    if manifest is None:
        raise _refusal(label, "it has no manifest: it was cut off, or is another archive")
    return found, manifest


def _safe_name(name: str, label: str) -> str:
    """Return "id/path" of a member's name, which cannot lead out of the folder."""
    top, *parts = name.split("/")
    safe = top == ROOT and 2 <= len(parts) <= DEEPEST and RUN_ID.match(parts[0])
    if not safe or not all(PART.match(part) for part in parts):
        raise _refusal(label, f"{name[:200]!r} is not the path of a run's file")
    return "/".join(parts)


def _write(body: IO[bytes], staging: Path, name: str, size: int) -> dict[str, Any]:
    """Write one file; return its size and checksum."""
    path, folder = staging / name, staging
    for part in name.split("/")[:-1]:
        folder /= part
        folder.mkdir(mode=0o700, exist_ok=True)
    digest, written = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while piece := body.read(CHUNK):
            file.write(piece)
            digest.update(piece)
            written += len(piece)
        file.flush()
        os.fsync(file.fileno())
    if written != size:
        raise EOFError("it is cut off")
    return {"size": size, "sha256": digest.hexdigest()}


def _manifest(body: bytes, label: str) -> dict[str, Any]:
    """Return the runs of a manifest: id → path → size and sha256."""
    try:
        found = table(json.loads(body))
    except (ValueError, RecursionError):
        raise _refusal(label, "its manifest is damaged") from None
    schema, runs = found.get("schema"), table(found.get("runs"))
    if isinstance(schema, int) and schema > SCHEMA:
        raise WorkbenchError(f"Cannot unpack {label}: newer layout ({schema}).", "Update workbench.", STORE)
    if schema != SCHEMA or not runs or not all(isinstance(files, dict) for files in runs.values()):
        raise _refusal(label, "its manifest is damaged")
    return runs


def _compare(found: dict[str, dict[str, Any]], runs: dict[str, Any], label: str) -> None:
    """Check that exactly the files of the manifest came, with their checksums."""
    wanted = {f"{run_id}/{path}": entry for run_id, files in runs.items() for path, entry in files.items()}
    for name in [*wanted, *found]:
        if found.get(name) != wanted.get(name):
            why = "is missing" if name not in found else "is not the file that was packed"
            raise _refusal(label, f"{name[:200]!r} {why}")


def _check_run(run: RunPaths, label: str) -> None:
    """Check that a folder holds a run that is over, in a layout that this version reads."""
    spec, row = read_toml(run.spec), read_row(run)
    if spec is None or row is None or read_table(run.origin).get("schema") != 1:
        raise _refusal(label, f"{run.id} is no run of this layout")
    if row.live:  # a scheduler would start it, or look for its worker
        raise _refusal(label, f"{run.id} is {row.state}, and only runs that are over are moved")


def _detach(run: RunPaths) -> None:
    """Set aside the settings of the other machine's user: they name folders there."""
    origin = read_table(run.origin)
    write_json(run.origin, {**origin, "variables": {}, "packed_variables": origin.get("variables", {})})


def _publish(store: Store, runs: Collection[RunPaths]) -> None:
    """Move the folders into the store, all of them, or none if one cannot be moved."""
    moved: list[Path] = []
    try:
        for run in runs:
            target = store.root / run.id
            run.root.rename(target)  # fails if there is a folder with files by now
            moved.append(target)
        sync_folder(store.root)
    except BaseException:
        for path in moved:
            with contextlib.suppress(OSError):
                shutil.rmtree(path)
        raise


class _Header(tarfile.TarInfo):
    """A header whose extension is of bounded length: tarfile would read any length into memory."""

    def _proc_member(self, tarfile_: tarfile.TarFile) -> Any:
        if self.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) and self.size > LONGEST_HEADER:
            raise tarfile.ReadError("an extended header is too large")
        return super()._proc_member(tarfile_)  # type: ignore[misc]


def _refusal(label: str, why: str) -> WorkbenchError:
    return WorkbenchError(f"Cannot unpack {label}: {why}.", "Nothing was unpacked.", STORE)
