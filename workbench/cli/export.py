"""`workbench export`: a table with mean ± std over seeds, for a paper, a page, or another program."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench import api
from workbench.cli import complete
from workbench.cli.options import Overwrite, TableBudget, open_store
from workbench.cli.output import talk
from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean

FORMATS = ("csv", "tsv", "md", "latex", "html", "json", "parquet")
Format = Annotated[
    str | None,
    typer.Option("--format", help=f"{', '.join(FORMATS)}; default: extension of --output, else md."),
]
Siunitx = Annotated[
    bool, typer.Option("--siunitx", help="LaTeX: align numbers in columns S of the package siunitx.")
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
    long: Annotated[
        bool, typer.Option("--long", help="One line per run, seed and metric: csv, tsv, json, parquet.")
    ] = False,
    curves: Annotated[
        bool,
        typer.Option("--curves", help="One line per run, seed, metric and point of a curve, as --long."),
    ] = False,
    siunitx: Siunitx = False,
    budget: TableBudget = "",
    overwrite: Overwrite = False,
) -> None:
    """Export a comparison table of runs or of a study.

    Runs of one configuration are pooled over seeds: mean ± std.

    Without arguments, list the available tables.
    """
    forms = {"--each": each, "--paired": paired, "--long": long, "--curves": curves}
    asked = [name for name, given in forms.items() if given]
    if len(asked) > 1:
        raise WorkbenchError(f"Cannot combine {' and '.join(asked)}: choose one.")
    format = chosen_format(format, output, "csv" if long or curves else "md")
    gc.disable()  # the cells of a large table are millions of objects, in no cycles; the process is short
    store = open_store(ctx)
    if not what:
        raise WorkbenchError("Cannot export: no table or run given.", _tables_here(store))
    rows, study = _chosen(store, what, budget)
    if budget and not study:
        raise WorkbenchError("Cannot export: --budget needs the name of one study.")
    if long or curves:
        make = api.tables.long_results if long else api.tables.long_curves
        _write_long(make(store, rows, metric), format, output, overwrite=overwrite)
        return
    if each:
        table = api.tables.runs_table(store, rows)
    elif paired:
        table = api.tables.paired(store, rows, metric)
    elif study:
        table = api.tables.study_table(store, study, metric, budget)
    else:
        table = api.tables.comparison(store, rows, metric)
    write_table(table, format, output, siunitx=siunitx, overwrite=overwrite)


def chosen_format(format: str | None, output: Path | None, usual: str = "md") -> str:
    """Return the format named, or that of the file's extension; `usual` for stdout, pipes and devices.

    Raises:
        WorkbenchError: for an unknown one.
    """
    if format is None:
        return api.tables.format_for(output, usual) if output and str(output) != "-" else usual
    if format not in FORMATS:
        hint = did_you_mean(format, FORMATS) or f"Formats: {', '.join(FORMATS)}."
        raise WorkbenchError(f"There is no format '{format}'.", hint)
    return format


def write_table(
    table: api.tables.Table, format: str, output: Path | None, *, siunitx: bool = False, overwrite: bool
) -> None:
    """Print a table, or write it to a file.

    Raises:
        WorkbenchError: for a binary format on a terminal, and as `write_export`.
    """
    if output is not None and str(output) != "-":
        api.tables.write_export(table, format, output, siunitx=siunitx, overwrite=overwrite)
        talk(f"Written: {output}")
    elif format == "parquet":
        _no_terminal()
        sys.stdout.buffer.write(api.tables.export_bytes(table, format))
    else:
        typer.echo(api.tables.export_text(table, format, siunitx=siunitx).rstrip("\n"))


def _write_long(long: api.tables.Long, format: str, output: Path | None, *, overwrite: bool) -> None:
    """Write a long table to stdout or a file, line by line."""
    if output is None or str(output) == "-":
        if format == "parquet":
            _no_terminal()
        api.tables.write_long(long, format, sys.stdout.buffer)
    else:
        api.tables.write_long(long, format, output, overwrite=overwrite)
        talk(f"Written: {output}")


def _no_terminal() -> None:
    if sys.stdout.isatty():
        raise WorkbenchError("Cannot print Parquet on a terminal.", "Add --output FILE.parquet.")


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
