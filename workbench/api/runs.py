"""Runs: list, find, read, remove with undo, annotate."""

from __future__ import annotations

import contextlib
import shutil
import time
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import NOT_FOUND, STORE, USAGE, WorkbenchError, did_you_mean
from workbench.queue.recovery import load_state
from workbench.store.files import open_plain, read_json, sync_folder, write_json
from workbench.store.index import index_of
from workbench.store.paths import RunPaths
from workbench.store.run_row import LIVE_STATES, Failure, RunRow, State
from workbench.store.store import Store
from workbench.text import safe_text

if TYPE_CHECKING:
    from workbench.spec.schema import RunSpec

__all__ = [
    "Failure",
    "RunRow",
    "State",
    "annotate",
    "find_run",
    "list_runs",
    "remove_runs",
    "restore_runs",
    "spec_of",
    "spec_text",
    "study_runs",
]

TRASH_DAYS = 7
NOTE_LIMIT = 10_000  # characters
TAG_LIMIT = 60


def list_runs(store: Store, *, states: Collection[State] = (), study_id: str | None = None) -> list[RunRow]:
    """Return the runs, newest first; only those in `states` (if given) and of `study_id` (if given)."""
    rows = index_of(store).rows()
    if states:
        rows = [row for row in rows if row.state in states]
    if study_id is not None:
        rows = [row for row in rows if row.study_id == study_id]
    return rows


def study_runs(store: Store, text: str) -> list[RunRow]:
    """Return the runs of a study, newest first: of one submission by its id, of all by the study's name.

    Raises WorkbenchError (exit code 3) if there is none, with what there is.
    """
    rows = list_runs(store)
    found = [row for row in rows if text and text in (row.study_id, row.study)]
    if not found:
        known = dict.fromkeys(name for row in rows for name in (row.study, row.study_id) if name)
        hint = did_you_mean(text[:80], known) or f"Studies here: {', '.join(list(known)[:8]) or 'none'}."
        raise WorkbenchError(
            f"No run belongs to the study '{safe_text(text, 80, one_line=True)}'.", hint, NOT_FOUND
        )
    return found


def find_run(store: Store, text: str) -> RunRow:
    """Return the run whose id is `text`, or the only one that begins or ends with it.

    Raises WorkbenchError (exit code 3) if there is none, with a suggestion; (2) if there are several.
    """
    rows = list_runs(store)
    found = [row for row in rows if row.id == text]
    if not found and text:
        found = [row for row in rows if row.id.startswith(text) or row.id.endswith(text)]
    shown = safe_text(text, 80, one_line=True)
    if not found:
        tails = {row.id.rsplit("-", 1)[-1]: row.id for row in rows}
        hint = did_you_mean(text, [*(row.id for row in rows), *tails]) or "See `workbench runs ls`."
        raise WorkbenchError(f"There is no run '{shown}'.", hint, NOT_FOUND)
    if len(found) > 1:
        some = ", ".join(row.id for row in found[:3]) + (", …" if len(found) > 3 else "")
        raise WorkbenchError(f"'{shown}' fits {len(found)} runs: {some}.", "Type more of the id.", USAGE)
    return found[0]


def spec_text(store: Store, run_id: str) -> str:
    """Return the run's `spec.toml` as text."""
    try:
        with open_plain(store.run(run_id).spec) as file:
            return file.read().decode()
    except FileNotFoundError:
        find_run(store, run_id)  # raises with a suggestion
        raise WorkbenchError(f"Run {run_id} has lost its spec.toml.", "", STORE) from None
    except (OSError, ValueError) as error:
        raise WorkbenchError(f"The spec of {run_id} cannot be read: {error}.", "", STORE) from None


def spec_of(store: Store, run_id: str) -> RunSpec:
    """Return the run's spec, checked."""
    from workbench.spec.schema import RunSpec

    try:
        return RunSpec.model_validate(tomllib.loads(spec_text(store, run_id)))
    except (ValueError, RecursionError) as error:  # of TOML and of pydantic alike
        first = safe_text(str(error).splitlines()[0], 200, one_line=True)
        raise WorkbenchError(f"The spec of {run_id} is damaged: {first}.", "", STORE) from None


def remove_runs(store: Store, run_ids: Sequence[str]) -> str:
    """Move runs to the trash and return a token for `restore_runs`. The trash keeps them for a week.

    Runs that are still waiting or running are refused, and then none is removed.
    """
    store.must_be_writable()
    rows = [find_run(store, run_id) for run_id in run_ids]
    live = [row for row in rows if row.live]
    if live:
        states = ", ".join(f"{row.id} is {row.state}" for row in live[:3])
        raise WorkbenchError(f"Not removed: {states}.", "Cancel first: `workbench queue cancel RUN`.")
    _empty_old_trash(store)
    token = f"{time.time_ns():020d}"
    folder = store.paths.trash / token
    moved: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True)
        for run_id in dict.fromkeys(row.id for row in rows):
            store.run(run_id).root.rename(folder / run_id)
            moved.append(folder / run_id)
        # A scheduler may have taken one up again (a retry) between the look and the move.
        taken = next((path.name for path in moved if load_state(RunPaths(path)).state in LIVE_STATES), "")
        sync_folder(store.root)
    except OSError as error:
        _put_back(store, folder, moved)
        hint = "None was. Change the permissions of the store, or free some space."
        raise WorkbenchError(f"Could not remove: {error.strerror}.", hint, STORE) from None
    if taken:
        _put_back(store, folder, moved)
        raise WorkbenchError(
            f"Not removed: {taken} has just been started.", "Cancel first: `workbench queue cancel RUN`."
        )
    return token


def _put_back(store: Store, folder: Path, moved: Sequence[Path]) -> None:
    """Undo half a removal."""
    for path in moved:
        with contextlib.suppress(OSError):
            path.rename(store.root / path.name)
    with contextlib.suppress(OSError):
        folder.rmdir()


def restore_runs(store: Store, token: str) -> list[str]:
    """Undo one `remove_runs`; returns the ids that are back."""
    store.must_be_writable()
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


def annotate(
    store: Store, run_id: str, *, note: str | None = None, tags: Sequence[str] | None = None
) -> None:
    """Set the run's note, its tags, or both; what is None stays as it is."""
    store.must_be_writable()
    paths = store.run(run_id)
    if not paths.spec.exists():
        find_run(store, run_id)  # raises with a suggestion
    old = read_json(paths.notes)
    value: dict[str, Any] = old if isinstance(old, dict) else {"note": "", "tags": []}
    if note is not None:
        if len(note) > NOTE_LIMIT:
            hint = f"{NOTE_LIMIT} characters are the most."
            raise WorkbenchError(f"The note has {len(note)} characters.", hint)
        value["note"] = note
    if tags is not None:
        kept = dict.fromkeys(" ".join(tag.split()) for tag in tags)  # once each, in order
        long = next((tag for tag in kept if len(tag) > TAG_LIMIT), "")
        if long:
            hint = f"{TAG_LIMIT} characters are the most; a note may be longer."
            raise WorkbenchError(f"The tag '{safe_text(long, 30, one_line=True)}' is too long.", hint)
        value["tags"] = [tag for tag in kept if tag]
    try:
        write_json(paths.notes, {**value, "schema": 1})
    except OSError as error:
        hint = "Change the run's permissions, or free some space."
        raise WorkbenchError(f"The note could not be saved: {error.strerror}.", hint, STORE) from None


def _empty_old_trash(store: Store) -> None:
    """Delete for good what was removed more than a week ago."""
    if not store.paths.trash.is_dir():
        return
    limit = time.time_ns() - TRASH_DAYS * 86_400 * 10**9
    for folder in store.paths.trash.iterdir():
        if folder.name.isdigit() and int(folder.name) < limit:
            shutil.rmtree(folder, ignore_errors=True)
