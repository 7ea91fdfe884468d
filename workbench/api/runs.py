"""Runs: list, find, read, remove with undo, annotate."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from workbench.errors import NOT_FOUND, STORE, USAGE, WorkbenchError, did_you_mean
from workbench.store import trash
from workbench.store.files import open_plain, write_json
from workbench.store.index import index_of
from workbench.store.json_fields import read_table
from workbench.store.run_row import RunRow
from workbench.store.state import STATES, Failure, State
from workbench.store.store import Store
from workbench.text import safe_text

if TYPE_CHECKING:
    from workbench.spec.schema import RunSpec

__all__ = [
    "STATES",
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

    Raises:
        WorkbenchError: if a run is not over; then none is removed.
    """
    store.must_be_writable()
    rows = [find_run(store, run_id) for run_id in run_ids]
    live = ", ".join([f"{row.id} is {row.state}" for row in rows if row.live][:3])
    if live:
        raise WorkbenchError(f"Cannot remove runs: {live}.", "Cancel first: `workbench queue cancel RUN`.")
    return trash.remove(store, [row.id for row in rows])


def restore_runs(store: Store, token: str) -> list[str]:
    """Undo one `remove_runs`; returns the ids that are back.

    Raises:
        WorkbenchError: for an unknown token, or if runs of all these names are in the store.
    """
    store.must_be_writable()
    return trash.restore(store, token)


def annotate(
    store: Store, run_id: str, *, note: str | None = None, tags: Sequence[str] | None = None
) -> None:
    """Set the run's note, its tags, or both; what is None stays as it is."""
    store.must_be_writable()
    paths = store.run(run_id)
    if not paths.spec.exists():
        find_run(store, run_id)  # raises with a suggestion
    value = {"note": "", "tags": []} | read_table(paths.notes)
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
