"""The trash of a store: removed runs, kept for a week."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import NOT_FOUND, STORE, WorkbenchError
from workbench.store.files import sync_folder
from workbench.store.paths import RunPaths
from workbench.store.state import LIVE, load_state
from workbench.store.store import Store

DAYS = 7


@dataclass(frozen=True)
class Removal:
    """Runs that were removed together: the token that restores them, their ids, and when it was."""

    token: str
    run_ids: tuple[str, ...]

    @property
    def time(self) -> float:
        return int(self.token) / 1e9


def removals(store: Store) -> list[Removal]:
    """Return what is in the trash, the newest first; empty if it cannot be read."""
    found = []
    with contextlib.suppress(OSError):  # there is no trash yet
        for folder in sorted(store.paths.trash.iterdir(), reverse=True):
            ids = tuple(sorted(path.name for path in folder.iterdir())) if folder.name.isdecimal() else ()
            if ids:
                found.append(Removal(folder.name, ids))
    return found


def remove(store: Store, run_ids: Iterable[str]) -> str:
    """Move runs to the trash, all or none, and return a token for `restore`; older trash is emptied.

    Raises:
        WorkbenchError: if a run has been started meanwhile, or a folder cannot be moved.
    """
    limit = time.time_ns() - DAYS * 86_400 * 10**9
    with contextlib.suppress(OSError):  # there is no trash yet
        for old in store.paths.trash.iterdir():
            if old.name.isdecimal() and int(old.name) < limit:
                shutil.rmtree(old, ignore_errors=True)
    token = f"{time.time_ns():020d}"
    folder = store.paths.trash / token
    moved: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True)
        for run_id in dict.fromkeys(run_ids):
            store.run(run_id).root.rename(folder / run_id)
            moved.append(folder / run_id)
        # A scheduler may have started one (a retry) between the caller's check and the move.
        started = [path.name for path in moved if load_state(RunPaths(path)).state in LIVE]
        if started:
            raise WorkbenchError(
                f"Cannot remove {started[0]}: it has just been started.",
                "Cancel first: `workbench queue cancel RUN`.",
            )
        sync_folder(store.root)
    except (OSError, WorkbenchError) as error:
        for path in moved:
            with contextlib.suppress(OSError):
                path.rename(store.root / path.name)
        with contextlib.suppress(OSError):
            folder.rmdir()
        if isinstance(error, WorkbenchError):
            raise
        hint = "No run was removed. Change the permissions of the store, or free some space."
        raise WorkbenchError(f"Cannot remove the runs: {error.strerror}.", hint, STORE) from None
    return token


def restore(store: Store, token: str) -> list[str]:
    """Undo one `remove`; returns the ids that are back.

    Raises:
        WorkbenchError: for an unknown token, or if runs of all these names are in the store.
    """
    folder = store.paths.trash / token
    if not token.isdecimal() or not folder.is_dir():
        raise WorkbenchError("There is nothing to restore.", "Removed runs are kept for a week.", NOT_FOUND)
    back = []
    for path in sorted(folder.iterdir()):
        target = store.run(path.name).root
        if not target.exists():
            path.rename(target)
            back.append(path.name)
    if not back:
        raise WorkbenchError("Not restored: runs of these names are in the store.", "Move them away first.")
    if not any(folder.iterdir()):
        folder.rmdir()
    sync_folder(store.root)
    return back
