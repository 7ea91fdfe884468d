"""Runs: list, filter, find, read, remove with undo, annotate."""

from __future__ import annotations

import contextlib
import time
import tomllib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from workbench.errors import NOT_FOUND, STORE, USAGE, WorkbenchError, did_you_mean
from workbench.results import query
from workbench.results.fields import SECTIONS
from workbench.results.query import Query
from workbench.spec.health import health_reasons, health_text
from workbench.spec.studies import find_study
from workbench.store import trash
from workbench.store.files import LogFollower, open_plain, write_json
from workbench.store.index import index_of
from workbench.store.json_fields import read_table
from workbench.store.run_row import RunRow
from workbench.store.state import STATES, Failure, State
from workbench.store.store import Store
from workbench.store.trash import Removal

if TYPE_CHECKING:
    from workbench.spec.schema import RunSpec

__all__ = [
    "STATES",
    "Failure",
    "Query",
    "Removal",
    "RunRow",
    "State",
    "annotate",
    "compiled_filter",
    "filter_rows",
    "find_run",
    "follow_log",
    "health_reasons",
    "health_text",
    "initial_weights",
    "list_runs",
    "removals",
    "remove_runs",
    "restore_runs",
    "setting_names",
    "setting_values",
    "sort_rows",
    "spec_of",
    "spec_text",
    "study_names",
    "study_runs",
    "varying_settings",
]

NOTE_LIMIT = 10_000  # characters
TAG_LIMIT = 60


def list_runs(store: Store, *, states: Collection[State] = (), study_id: str | None = None) -> list[RunRow]:
    """Return the runs, newest first; only those in `states` (if given) and of `study_id` (if given).

    Damaged run folders are left out; the list is empty for a store without runs.

    >>> for row in api.runs.list_runs(store, states=["finished"]):
    ...     print(row.name, row.seeds, row.summary["test_mse"])
    vae-digits (0, 1, 2) (0.09676531170391374, 0.09013536965681447, 0.09941393304616213)
    """
    rows = index_of(store).rows()
    if states:
        rows = [row for row in rows if row.state in states]
    if study_id is not None:
        rows = [row for row in rows if row.study_id == study_id]
    return rows


def filter_rows(store: Store, rows: Iterable[RunRow], text: str) -> list[RunRow]:
    """Return the rows that match a filter line such as "model:vae training.lr<1e-3", in their order.

    Raises:
        WorkbenchError: exit code 2 for a faulty line or an unknown field, setting or metric.

    >>> rows = api.runs.list_runs(store)
    >>> [row.name for row in api.runs.filter_rows(store, rows, "latent=8 (test_mse<0.1 or tag:paper)")]
    ['vae-digits']
    """
    return query.filter_rows(rows, text, index_of(store))


def compiled_filter(store: Store, rows: Iterable[RunRow], text: str) -> Query:
    """Return a filter line as a function of a row, to be used on these rows and later ones.

    What the files of these rows have to say is read here, so that the function is quick afterwards.

    Raises:
        WorkbenchError: exit code 2 for a faulty line or an unknown field, setting or metric.
    """
    rows = list(rows)
    found = query.parse(text, set().union(*(row.summary for row in rows)), index_of(store))
    for row in rows:
        found(row)
    return found


def setting_names(store: Store) -> list[str]:
    """Return every setting of the runs by its dotted key, such as "model.latent".

    >>> "model.latent" in api.runs.setting_names(store)
    True
    """
    index = index_of(store)
    index.rows()  # brings it up to date
    return [key for key in index.detail_keys() if key.partition(".")[0] in SECTIONS]


def setting_values(store: Store, key: str) -> dict[str, Any]:
    """Return by run id the value of a setting; runs without it are left out.

    >>> list(api.runs.setting_values(store, "model.latent").values())
    [8]
    """
    index = index_of(store)
    index.rows()  # as above
    return index.settings(key)


def varying_settings(store: Store, rows: Iterable[RunRow]) -> list[str]:
    """Return the settings in which runs differ, those of resources left out.

    >>> api.runs.varying_settings(store, api.runs.list_runs(store))
    []
    """
    ids = [row.id for row in rows]
    index, found = index_of(store), []
    for key in setting_names(store):  # which brings the index up to date, once for all of them
        if key.startswith("resources."):
            continue
        values = index.settings(key)
        if len({repr(values.get(run_id)) for run_id in ids}) > 1:
            found.append(key)
    return found


def sort_rows(store: Store, rows: Iterable[RunRow], key: str, *, reverse: bool = False) -> list[RunRow]:
    """Return the rows sorted by a field, setting or metric; those without a value come last either way.

    Raises:
        WorkbenchError: exit code 2 for an unknown key.
    """
    return query.sort_rows(rows, key, reverse=reverse, details=index_of(store))


def study_names(rows: Iterable[RunRow]) -> list[str]:
    """Return the names and ids of the studies that `rows` belong to, in their order."""
    return list(dict.fromkeys(name for row in rows for name in (row.study, row.study_id) if name))


def study_runs(store: Store, text: str, *, newest: bool = False) -> list[RunRow]:
    """Return the runs of a study, newest first: of one submission by its id, of all by the study's name.

    With `newest`, a name means its newest submission only, or the finished runs of the study's presets if it
    was never submitted.

    Raises:
        WorkbenchError: exit code 3 if there is no such run.

    >>> [row.name for row in api.runs.study_runs(store, "starter", newest=True)]
    ['vae-digits']
    """
    rows = list_runs(store)
    found = [row for row in rows if text and text in (row.study_id, row.study)]
    if newest:
        last = next((row.study_id for row in found if row.study_id), "")
        chosen = [row for row in found if last and row.study_id == last]
        with contextlib.suppress(WorkbenchError):  # no study of this name
            presets = find_study(text).presets if not chosen else ()
            chosen += [row for row in rows if row.preset in presets and row.state == "finished"]
        found = chosen or found
    if not found:
        known = study_names(rows)
        hint = did_you_mean(text, known) or f"Studies here: {', '.join(known[:8]) or 'none'}."
        raise WorkbenchError(f"No run belongs to the study '{text}'.", hint, NOT_FOUND)
    return found


def find_run(store: Store, text: str) -> RunRow:
    """Return the run whose id is `text`, or the only one that begins or ends with it.

    Raises:
        WorkbenchError: exit code 3 if there is none, with a suggestion; 2 if there are several.

    >>> api.runs.find_run(store, "fuze").id
    '20261121-043537-vae-digits-fuze'
    """
    rows = list_runs(store)
    found = [row for row in rows if row.id == text]
    if not found and text:
        found = [row for row in rows if row.id.startswith(text) or row.id.endswith(text)]
    if not found:
        tails = {row.id.rsplit("-", 1)[-1]: row.id for row in rows}
        hint = did_you_mean(text, [*(row.id for row in rows), *tails]) or "See `workbench runs ls`."
        raise WorkbenchError(f"There is no run '{text}'.", hint, NOT_FOUND)
    if len(found) > 1:
        some = ", ".join(row.id for row in found[:3]) + (", …" if len(found) > 3 else "")
        raise WorkbenchError(f"'{text}' matches {len(found)} runs: {some}.", "Type more of the id.", USAGE)
    return found[0]


def spec_text(store: Store, run_id: str) -> str:
    """Return the run's `spec.toml` as text.

    Raises:
        WorkbenchError: exit code 3 if there is no such run, 5 if the file cannot be read.
    """
    try:
        with open_plain(store.run(run_id).spec) as file:
            return file.read().decode()
    except FileNotFoundError:
        find_run(store, run_id)  # raises with a suggestion
        raise WorkbenchError(f"Cannot read the spec of {run_id}: spec.toml is missing.", "", STORE) from None
    except (OSError, ValueError) as error:
        raise WorkbenchError(f"Cannot read the spec of {run_id}: {error}.", "", STORE) from None


def spec_of(store: Store, run_id: str) -> RunSpec:
    """Return the run's spec, validated.

    Raises:
        WorkbenchError: exit code 3 if there is no such run, 5 if the file cannot be read or is damaged.

    >>> spec = api.runs.spec_of(store, "20261121-043537-vae-digits-fuze")
    >>> spec.model.kind, spec.model.latent, spec.training.iterations
    ('vae', 8, 60)
    """
    from workbench.spec.schema import RunSpec  # loads pydantic: 0.2 s that lists of runs do not need

    try:
        return RunSpec.model_validate(tomllib.loads(spec_text(store, run_id)))
    except (ValueError, RecursionError) as error:  # of TOML and of pydantic alike
        raise WorkbenchError(
            f"The spec of {run_id} is damaged: {str(error).splitlines()[0]}.", "", STORE
        ) from None


def initial_weights(store: Store, run_id: str) -> dict[str, Any]:
    """Return what was loaded from the run `training.init_from`; empty if the run started afresh.

    `run` and `step` name the source, `seeds` maps each seed to the source's, `loaded` and `not_loaded` list
    the parameters of the model.

    >>> api.runs.initial_weights(store, "20261121-043537-vae-digits-fuze")
    {}
    """
    return read_table(store.run(run_id).initial)


def follow_log(store: Store, run_id: str, last: int = 50, *, every: float = 0.25) -> Iterator[str]:
    """Yield the `last` lines of a run's log, and those that it gains until the run is over or paused.

    Raises:
        WorkbenchError: exit code 3 for an unknown run.
    """
    row = find_run(store, run_id)
    follower = LogFollower(store.run(row.id).log)
    yield from follower.lines()[-last:]
    while row.live and row.state != "paused":
        time.sleep(every)
        row = find_run(store, row.id)
        yield from follower.lines()  # after the state: what was written before the end


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


def removals(store: Store) -> list[Removal]:
    """Return what `remove_runs` has moved to the trash and not been restored, the newest first.

    >>> api.runs.removals(store)
    []
    """
    return trash.removals(store)


def annotate(
    store: Store, run_id: str, *, note: str | None = None, tags: Sequence[str] | None = None
) -> None:
    """Set the run's note (at most 10,000 characters), its tags (60 each), or both; None changes nothing.

    Raises:
        WorkbenchError: exit code 2 if one is too long, 3 if there is no such run, 5 if it cannot be written.
    """
    store.must_be_writable()
    paths = store.run(run_id)
    if not paths.spec.exists():
        find_run(store, run_id)  # raises with a suggestion
    value = {"note": "", "tags": []} | read_table(paths.notes)
    if note is not None:
        if len(note) > NOTE_LIMIT:
            hint = f"At most {NOTE_LIMIT} characters are allowed."
            raise WorkbenchError(f"Cannot save the note: it has {len(note)} characters.", hint)
        value["note"] = note
    if tags is not None:
        kept = dict.fromkeys(" ".join(tag.split()) for tag in tags)  # once each, in order
        long = next((tag for tag in kept if len(tag) > TAG_LIMIT), "")
        if long:
            hint = f"At most {TAG_LIMIT} characters are allowed; a note may be longer."
            raise WorkbenchError(f"Cannot save the tag '{long[:30]}…': it has {len(long)} characters.", hint)
        value["tags"] = [tag for tag in kept if tag]
    try:
        write_json(paths.notes, {**value, "schema": 1})
    except OSError as error:
        hint = "Change the run's permissions, or free some space."
        raise WorkbenchError(f"Cannot save the note: {error.strerror}.", hint, STORE) from None
