"""`workbench export`: a table with mean ± std over seeds, for a paper, a page, or another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import complete
from workbench.cli.options import open_store
from workbench.cli.output import talk
from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean

if TYPE_CHECKING:
    from workbench.api.runs import RunRow
    from workbench.api.stores import Store
    from workbench.api.tables import Table

FORMATS = ("csv", "md", "latex", "json")


def export(
    ctx: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TABLE|RUN...]",
            help="A study (its newest table), a study id, runs, or `all`.",
            autocompletion=complete.tables,
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", help="csv, md, latex or json; else told by --output, else md."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="Only this column. Repeatable.", autocompletion=complete.metrics),
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="One row per run, with all its settings.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Export a comparison table: runs of one configuration pooled over seeds, mean ± std.

    Without a table, tell which there are.
    """
    from workbench.api.tables import export_text, write_export

    to_file = output is not None and str(output) != "-"
    chosen = _format(format, output if to_file else None)
    store = open_store(ctx)
    if not what:
        raise WorkbenchError("Say what to export.", _tables_here(store))
    table = _each(store, what) if each else _table(store, what, metric)
    if output is None or not to_file:
        typer.echo(export_text(table, chosen).rstrip("\n"))
        return
    write_export(table, chosen, output, overwrite=overwrite)
    talk(f"Written: {output}")


def _format(format: str | None, output: Path | None) -> str:
    from workbench.api.tables import format_for

    if format is None:
        return format_for(output) if output else "md"
    if format not in FORMATS:
        hint = did_you_mean(format[:80], FORMATS) or f"Formats: {', '.join(FORMATS)}."
        raise WorkbenchError(f"There is no format '{format[:80]}'.", hint)
    return format


def _table(store: Store, what: list[str], metrics: list[str] | None) -> Table:
    """Return the table of a study if one is named, else that of the runs named."""
    from workbench.api.tables import comparison, study_table

    rows, study = _chosen(store, what)
    return study_table(store, study, metrics) if study else comparison(store, rows, metrics)


def _each(store: Store, what: list[str]) -> Table:
    from workbench.api.tables import runs_table

    return runs_table(store, _chosen(store, what)[0])


def _chosen(store: Store, what: list[str]) -> tuple[list[RunRow], str]:
    """Return the rows meant, and the study's name or id if they are a study's."""
    from workbench.api.runs import find_run, list_runs
    from workbench.api.tables import study_rows

    rows = list_runs(store)
    if not rows:
        raise WorkbenchError(
            "There are no runs to export.", "`workbench studies run starter` makes some.", NOT_FOUND
        )
    if what == ["all"]:
        return rows, ""
    if len(what) == 1 and (found := study_rows(store, what[0])):
        return found, what[0]
    try:
        return [find_run(store, text) for text in what], ""
    except WorkbenchError as error:
        if len(what) > 1 or error.exit_code != NOT_FOUND:
            raise
        named = [name for row in rows for name in (row.study, row.study_id)]
        hint = did_you_mean(what[0][:80], [*named, *(row.id for row in rows)]) or _tables_here(store)
        raise WorkbenchError(f"There is no table or run '{what[0][:80]}'.", hint, NOT_FOUND) from None


def _tables_here(store: Store) -> str:
    """Name the tables of a store, newest first."""
    from workbench.api.runs import list_runs

    rows = list_runs(store)
    known = list(dict.fromkeys(name for row in rows for name in (row.study, row.study_id) if name))
    more = ", …" if len(known) > 8 else ""
    named = f"{', '.join(known[:8])}{more}, all" if known else "all"
    return (
        f"Tables here: {named}; or name runs." if rows else "There are none: `workbench studies run starter`."
    )
