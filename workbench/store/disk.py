"""The disk space of run folders, and files that a run which is over no longer needs."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.store.files import CHUNK, open_plain
from workbench.store.json_fields import read_table
from workbench.store.paths import RunPaths, snapshot_steps
from workbench.store.state import LIVE, load_state


@dataclass(frozen=True)
class Unneeded:
    """Files of one run that nothing reads any more, and their size in bytes."""

    run: RunPaths
    files: tuple[Path, ...]
    bytes: int


def folder_bytes(run: RunPaths) -> int:
    """Return the size of all files of a run in bytes; links are not followed."""
    folders, total = [os.fspath(run.root)], 0
    while folders:  # no Path for each file: thousands of runs are counted at once
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def unneeded(
    run: RunPaths, *, keep_last: int = 1, checkpoints: bool = True, snapshots: bool = True
) -> Unneeded:
    """Return what can be deleted: checkpoints before the newest sound one, all but the last snapshots.

    The newest checkpoint has the final weights, which evaluations, `init_from` and notebooks read, and from
    which a failed run is retried. A run that is not over needs everything.
    """
    files: list[Path] = []
    if load_state(run).state not in LIVE:
        if checkpoints:
            files += _old_checkpoints(run)
        if snapshots:
            for folder in (run.samples, run.latents):
                steps = snapshot_steps(folder)
                files += [folder / f"{step}.npz" for step in steps[: max(0, len(steps) - keep_last)]]
    return Unneeded(run, tuple(files), sum(map(_size, files)))


def delete(found: Unneeded) -> int:
    """Delete the files, unless the run has been started meanwhile; return the bytes that are free now.

    Raises:
        OSError: if a file cannot be deleted.
    """
    freed = 0
    for path in found.files:
        if load_state(found.run).state in LIVE:
            break
        size = _size(path)
        path.unlink(missing_ok=True)
        freed += size
    if freed:
        os.utime(found.run.root)  # the index counts a run again if its folder changed
    return freed


def _old_checkpoints(run: RunPaths) -> Iterator[Path]:
    """Yield the files of the checkpoints before the newest whose checksum holds; each JSON first."""
    sound = False
    steps = sorted((int(p.stem) for p in run.checkpoints.glob("*.json") if p.stem.isdecimal()), reverse=True)
    for step in steps:
        body, note = run.checkpoints / f"{step}.pt", run.checkpoints / f"{step}.json"
        if sound:
            yield note  # without it the other does not count
            yield body
        else:
            sound = _checksum(body) == read_table(note).get("sha256")


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with open_plain(path) as file:
            while part := file.read(CHUNK):
                digest.update(part)
    except OSError:
        return ""
    return digest.hexdigest()


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
