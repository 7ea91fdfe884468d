"""Comparison tables, and writing them to files."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from workbench.api.stores import Store
from workbench.errors import NOT_FOUND, STORE, USAGE, WorkbenchError
from workbench.results.compare import comparison_table
from workbench.results.export import SUFFIXES, export, format_of
from workbench.results.settings_tables import differing_table
from workbench.results.settings_tables import runs_table as table_of_runs
from workbench.results.table import Cell, Column, Table
from workbench.store.files import sync_folder
from workbench.store.run_row import RunRow
from workbench.text import safe_text
from workbench.toml import show_path

__all__ = [
    "Cell",
    "Column",
    "Table",
    "comparison",
    "differing",
    "export_text",
    "format_for",
    "runs_table",
    "study_rows",
    "study_table",
    "write_export",
]


def comparison(
    store: Store, rows: Iterable[RunRow], metrics: Sequence[str] | None = None, *, title: str = ""
) -> Table:
    """Return one row per group of `rows`: mean ± std over seeds of each metric (docs/tables.md).

    `metrics` names the columns, None takes the usual ones. Raises WorkbenchError for an unknown metric.
    """
    return comparison_table(store.paths, rows, metrics, title)


def study_rows(store: Store, name: str) -> list[RunRow]:
    """Return the runs of a study's table, oldest first: those of one submission, `name` being its id or the
    study's name (its newest). A study that was never queued as one has the finished runs of its presets.
    """
    from workbench.api.runs import list_runs
    from workbench.spec.studies import find_study

    rows = list_runs(store)  # newest first
    study_id = next((row.study_id for row in rows if row.study_id and name in (row.study_id, row.study)), "")
    chosen = [row for row in rows if study_id and row.study_id == study_id]
    with contextlib.suppress(WorkbenchError):  # no study's name
        presets = find_study(name).presets if not chosen else ()
        chosen += [row for row in rows if row.preset in presets and row.state == "finished"]
    return sorted(chosen, key=lambda row: (row.created, row.id))


def study_table(store: Store, name: str, metrics: Sequence[str] | None = None) -> Table:
    """Return the comparison of the runs of `study_rows`, with the study's columns unless others are named.

    A study's name stands for its newest submission. Raises WorkbenchError (exit code 3) if there is none.
    """
    from workbench.api.runs import study_runs
    from workbench.spec.studies import find_study

    rows = study_rows(store, name) or study_runs(store, name)  # the second says what there is
    title = rows[0].study or name
    try:
        study = find_study(title)
    except WorkbenchError:  # the study's file may have been renamed since
        return comparison(store, rows, metrics, title=title)
    columns = metrics or study.metrics or None
    try:
        return comparison_table(store.paths, rows, columns, study.title or title, study.published)
    except WorkbenchError as error:
        if metrics:
            raise
        raise WorkbenchError(  # a metric that the file misspells
            f"{show_path(study.path)}: metrics: {error.title}", error.hint, error.exit_code
        ) from None


def differing(store: Store, run_ids: Sequence[str]) -> Table:
    """Return the settings that are not the same in all of these runs, a row each, a column per run.

    Raises WorkbenchError (exit code 3) for a run that is not in the store.
    """
    from workbench.api.runs import find_run

    return differing_table(store.paths, [find_run(store, run_id).id for run_id in run_ids])


def runs_table(store: Store, rows: Iterable[RunRow]) -> Table:
    """Return one row per run with every setting and its final metrics, for export."""
    return table_of_runs(store.paths, rows)


def export_text(table: Table, format: str) -> str:
    """Return the table as "csv", "md", "latex" or "json" text; another format is a WorkbenchError."""
    return export(table, format)


def format_for(path: Path) -> str:
    """Return the format that the file's ending names; a WorkbenchError if it names none."""
    found = format_of(path)
    if found is None:
        endings = ", ".join(SUFFIXES)
        shown = safe_text(path.name, 80, one_line=True)
        raise WorkbenchError(f"The ending of '{shown}' names no format.", f"Use one of {endings}.", USAGE)
    return found


def write_export(table: Table, format: str, path: Path, *, overwrite: bool = False) -> None:
    """Write the table to `path`, whole or not at all; an existing file is kept unless `overwrite`.

    Raises WorkbenchError: exit code 2 if the file exists or is a folder, 5 if it cannot be written.
    """
    body = export(table, format).encode()
    path = Path(path).expanduser()
    shown = safe_text(path, 200, one_line=True)
    try:
        if path.is_dir():
            raise WorkbenchError(f"{shown} is a folder.", "Give the name of a file in it.", USAGE)
        if not path.parent.is_dir():
            folder = safe_text(path.parent, 200, one_line=True)
            raise WorkbenchError(f"There is no folder {folder}.", "Create it first.", NOT_FOUND)
        if not _place(path, body, overwrite):
            raise WorkbenchError(
                f"{shown} exists already.", "Choose another name, or allow overwriting.", USAGE
            )
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = (getattr(error, "strerror", None) or str(error)).lower()
        hint = "Choose a place that can be written to and has room."
        raise WorkbenchError(f"{shown} cannot be written: {why}.", hint, STORE) from None


def _place(path: Path, body: bytes, overwrite: bool) -> bool:
    """Put a complete file at `path`; False if one is there and must stay. Never a torn file."""
    if not overwrite and os.path.lexists(path):
        return False
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)  # a table is made to be shared
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            try:
                path.hardlink_to(temporary)  # fails if somebody made the file meanwhile
            except FileExistsError:
                return False
            except OSError:  # no hard links on this disk
                if os.path.lexists(path):
                    return False
                temporary.replace(path)
        with contextlib.suppress(OSError):
            sync_folder(path.parent)
        return True
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
