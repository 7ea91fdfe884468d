"""`workbench export`: a table with mean ± std over seeds, for a paper, a page, or another program."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from workbench import api
from workbench.cli import complete
from workbench.cli.options import Overwrite, open_store
from workbench.cli.output import talk
from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean

FORMATS = ("csv", "tsv", "md", "latex", "html", "json")
Format = Annotated[
    str | None,
    typer.Option("--format", help=f"{', '.join(FORMATS)}; default: extension of --output, else md."),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")]


def export(
    ctx: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TABLE|RUN...]",
            help="A study, the id of one submission of it, runs, or `all`.",
            autocompletion=complete.tables,
        ),
    ] = None,
    format: Format = None,
    output: Output = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="Only this column. Repeatable.", autocompletion=complete.metrics),
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="One row per run, with all its settings.")] = False,
    paired: Annotated[
        bool, typer.Option("--paired", help="Differences from the first row on the same test examples.")
    ] = False,
    budget: Annotated[
        str,
        typer.Option(
            "--budget",
            help="Of a study: quick, standard or paper; default: the one with most runs here.",
            autocompletion=complete.budgets,
        ),
    ] = "",
    overwrite: Overwrite = False,
) -> None:
    """Export a comparison table: runs of one configuration pooled over seeds, mean ± std.

    Without arguments, list the available tables.
    """
    if each and paired:
        raise WorkbenchError("Cannot combine --each and --paired: choose one.")
    format = chosen_format(format, output)
    store = open_store(ctx)
    if not what:
        raise WorkbenchError("Cannot export: no table or run given.", _tables_here(store))
    rows, study = _chosen(store, what, budget)
    if budget and not study:
        raise WorkbenchError("Cannot export: --budget needs the name of one study.")
    if each:
        table = api.tables.runs_table(store, rows)
    elif paired:
        table = api.tables.paired(store, rows, metric)
    elif study:
        table = api.tables.study_table(store, study, metric, budget)
    else:
        table = api.tables.comparison(store, rows, metric)
    write_table(table, format, output, overwrite=overwrite)


def chosen_format(format: str | None, output: Path | None) -> str:
    """Return the format named, or that of the file's extension; md for stdout.

    Raises:
        WorkbenchError: for an unknown one.
    """
    if format is None:
        return api.tables.format_for(output) if output and str(output) != "-" else "md"
    if format not in FORMATS:
        hint = did_you_mean(format, FORMATS) or f"Formats: {', '.join(FORMATS)}."
        raise WorkbenchError(f"There is no format '{format}'.", hint)
    return format


def write_table(table: api.tables.Table, format: str, output: Path | None, *, overwrite: bool) -> None:
    """Print a table, or write it to a file."""
    if output is None or str(output) == "-":
        typer.echo(api.tables.export_text(table, format).rstrip("\n"))
    else:
        api.tables.write_export(table, format, output, overwrite=overwrite)
        talk(f"Written: {output}")


def _chosen(store: api.stores.Store, what: list[str], budget: str) -> tuple[list[api.runs.RunRow], str]:
    """Return the rows meant, and the study's name or id if they are a study's."""
    rows = api.runs.list_runs(store)
    if not rows:
        raise WorkbenchError(
            "Cannot export: the store has no runs.", "`workbench studies run starter` makes some.", NOT_FOUND
        )
    if what == ["all"]:
        return rows, ""
    if len(what) == 1:
        if what[0] in (study.name for study in api.studies.list_studies() if not study.error):
            study = api.studies.find_study(what[0])
            own = api.studies.study_rows(store, study, budget)
            return own if study.runs else rows, what[0]
        with contextlib.suppress(WorkbenchError):  # no study of this name or id
            return api.runs.study_runs(store, what[0], newest=True)[::-1], what[0]
    try:
        return [api.runs.find_run(store, text) for text in what], ""
    except WorkbenchError as error:
        if len(what) > 1 or error.exit_code != NOT_FOUND:
            raise
        known = [*api.runs.study_names(rows), *(row.id for row in rows)]
        hint = did_you_mean(what[0], known) or _tables_here(store)
        raise WorkbenchError(f"There is no table or run '{what[0]}'.", hint, NOT_FOUND) from None


def _tables_here(store: api.stores.Store) -> str:
    """Return a sentence with the tables of a store, newest first."""
    rows = api.runs.list_runs(store)
    if not rows:
        return "The store has none: `workbench studies run starter` makes one."
    known = api.runs.study_names(rows)
    return f"Tables here: {', '.join([*known[:8], *['…'][: len(known) > 8], 'all'])}; or name runs."
