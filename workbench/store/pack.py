"""Runs as one file: a tar archive of their folders, closed by a manifest with a checksum of every file.

    runs/<id>/spec.toml …      the files of each run
    manifest.json              {schema, workbench, created, runs: {id: {path: {size, sha256}}}}

The manifest comes last, so that an archive can be written to a pipe and one that was cut off is noticed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

import workbench
from workbench.errors import STORE, USAGE, WorkbenchError
from workbench.store.files import CHUNK, open_plain
from workbench.store.paths import RunPaths

SCHEMA = 1
MANIFEST = "manifest.json"
ROOT = "runs"  # folder of the runs in an archive
ENDINGS: dict[str, Literal["w|", "w|gz", "w|xz"]] = {
    ".tar": "w|",
    ".tar.gz": "w|gz",
    ".tgz": "w|gz",
    ".tar.xz": "w|xz",
}


def mode_of(name: str) -> Literal["w|", "w|gz", "w|xz"]:
    """Return tarfile's mode for a file name, by its ending.

    Raises:
        WorkbenchError: for another ending.
    """
    for ending, mode in ENDINGS.items():
        if name.endswith(ending):
            return mode
    raise WorkbenchError(f"Cannot pack into {name}: unknown ending.", f"Known: {', '.join(ENDINGS)}.", USAGE)


def write_pack(
    runs: Iterable[RunPaths], stream: IO[bytes], mode: Literal["w|", "w|gz", "w|xz"], *, checkpoints: bool
) -> int:
    """Write the folders of finished runs to `stream`; return the bytes of their files.

    Locks, requests, hidden files and links are left out, and without `checkpoints` those too.

    Raises:
        WorkbenchError: if a file cannot be read, or changes meanwhile (exit code 5).
    """
    manifest: dict[str, dict[str, Any]] = {}
    total = 0
    with tarfile.open(fileobj=stream, mode=mode, format=tarfile.GNU_FORMAT) as archive:
        for run in runs:
            entries = manifest.setdefault(run.id, {})
            for name in packed_files(run, checkpoints=checkpoints):
                entries[name] = _add(archive, run, name)
                total += entries[name]["size"]
        body = {
            "schema": SCHEMA,
            "workbench": workbench.__version__,
            "created": time.time(),
            "runs": manifest,
        }
        text = json.dumps(body).encode()
        archive.addfile(_entry(MANIFEST, len(text)), io.BytesIO(text))
    return total


def packed_files(run: RunPaths, *, checkpoints: bool) -> Iterator[str]:
    """Yield the paths in a run folder that an archive takes, relative to it, in order."""
    left_out = {run.control.name} | (set() if checkpoints else {run.checkpoints.name})
    for folder, folders, files in os.walk(run.root):
        here = Path(folder)
        top = here == run.root
        folders[:] = sorted(name for name in folders if name[0] != "." and not (top and name in left_out))
        for name in sorted(files):
            path = here / name
            if name[0] != "." and name != "lock" and path.is_file() and not path.is_symlink():
                yield path.relative_to(run.root).as_posix()


def _add(archive: tarfile.TarFile, run: RunPaths, name: str) -> dict[str, Any]:
    """Add one file and return its entry of the manifest."""
    try:
        with open_plain(run.root / name) as file:
            size = os.fstat(file.fileno()).st_size
            hashed = _Hashed(file)
            archive.addfile(_entry(f"{ROOT}/{run.id}/{name}", size), hashed)
    except OSError as error:
        why = "it has changed meanwhile" if error.errno is None else error.strerror
        raise WorkbenchError(f"Cannot pack {run.id}/{name}: {why}.", "Pack it again.", STORE) from None
    return {"size": size, "sha256": hashed.digest.hexdigest()}


class _Hashed:
    """A file whose content is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int = CHUNK) -> bytes:
        body = self.file.read(size)
        self.digest.update(body)
        return body


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """Return a header without owner, so that an archive says nothing of the user's account."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(time.time())
    return entry
