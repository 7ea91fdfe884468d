"""Comparison tables, and writing them to files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from workbench.api import studies
from workbench.api.data import data_not_here
from workbench.api.outputs import streams, write_output
from workbench.api.runs import find_run, list_runs, study_runs
from workbench.api.stores import Store
from workbench.errors import NOT_FOUND, STORE, USAGE, WorkbenchError, did_you_mean
from workbench.results import query
from workbench.results.arrange import arranged_of, arranged_table
from workbench.results.compare import comparison_of, comparison_table, group_names
from workbench.results.export import SUFFIXES, export, export_bytes, format_of
from workbench.results.groups import one_run, pool
from workbench.results.long import Long, check_long
from workbench.results.long import long_curves as long_of_curves
from workbench.results.long import long_results as long_of_results
from workbench.results.long import write_long as write_rows
from workbench.results.settings_tables import differing_table
from workbench.results.settings_tables import runs_table as table_of_runs
from workbench.results.table import Cell, Column, Table
from workbench.results.wanted import NOT_RUN, wanted_groups
from workbench.spec.layout import Layout
from workbench.spec.metrics import METRICS
from workbench.spec.reference_values import KEY, NO_VALUES, Published, reported_value
from workbench.spec.studies import Study, find_study
from workbench.store.index import index_of
from workbench.store.run_row import RunRow
from workbench.toml import show_path

__all__ = [
    "Cell",
    "Column",
    "Layout",
    "Long",
    "Published",
    "Table",
    "arranged",
    "comparison",
    "differing",
    "export_bytes",
    "export_text",
    "format_for",
    "laid_out",
    "long_curves",
    "long_results",
    "paired",
    "paired_runs",
    "reported_value",
    "runs_table",
    "save_layout",
    "study_table",
    "write_export",
    "write_long",
]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
NO_RUNS = (
    "There are no runs for the table.",
    "`workbench runs ls --filter …` lists what a filter finds.",
    NOT_FOUND,
)


def comparison(
    store: Store, rows: Iterable[RunRow], metrics: Sequence[str] | None = None, *, title: str = ""
) -> Table:
    """Return one row per group of `rows`: mean ± std over seeds of each metric (docs/tables.md).

    `metrics` names the columns, None takes the usual ones.

    Raises:
        WorkbenchError: exit code 3 for an unknown metric.

    >>> table = api.tables.comparison(store, api.runs.list_runs(store), ["test_mse"])
    >>> [cell.text for cell in table.column("test_mse")]
    ['0.0954 ± 0.0048']
    """
    return comparison_table(store.paths, rows, metrics, title)


def study_table(
    store: Store,
    name: str,
    metrics: Sequence[str] | None = None,
    budget: str = "",
    *,
    layout: Layout | None = None,
    published: Published | None = None,
) -> Table:
    """Return a study's table, with the study's columns unless others are named.

    It has a row for each run that the study asks for at `budget`, made of the runs in the store with its
    group hash and seeds. A row without a run says so: not run, queued, running, failed, or stale; a filter
    of the layout leaves out runs that do not match it, and rows of which no run does. Without
    `budget`, it is the one at which most of the runs are in the store. The id of a submission has a table of
    its runs alone, in the order of submission. `layout` and `published` replace those of the study.

    Raises:
        WorkbenchError: exit code 3 if there is no such study, run or metric; 2 for an unknown budget.

    >>> table = api.tables.study_table(store, "starter", ["test_mse"])
    >>> [cell.text for cell in table.column("test_mse")]
    ['stale', 'not run', 'not run', 'not run']
    """
    study = _study_of(name)
    if study is None:
        return _submission_table(store, name, metrics)
    study = replace(study, layout=layout or study.layout, published=published or study.published)
    layout = replace(study.layout, metrics=tuple(metrics or study.layout.metrics))
    if not study.runs:
        return arranged(store, layout, study.title, study.published)
    try:
        budget = budget or studies.usual_budget(store, study)
        runs = [run for run in studies.plan(study, budget) if run.row]
        groups = wanted_groups(
            store.paths,
            query.filter_rows(list_runs(store), layout.filter, index_of(store)),
            map(studies.wanted, runs),
            study.name,
            studies.planned_groups(study),
            layout.metrics,
        )
        lacking = [data_not_here(run.spec.data) for run in runs]
        groups = [
            replace(group, absent=f"{group.absent}: {why}") if why and group.absent == NOT_RUN else group
            for group, why in zip(groups, lacking, strict=True)
            if not layout.filter or not group.absent
        ]
        if not groups:
            raise WorkbenchError(*NO_RUNS)
        title = f"{study.title}, budget {budget}" if budget else study.title
        if layout.plain:
            table = comparison_of(groups, layout.metrics or None, title, study.published)
        else:
            table = arranged_of(groups, layout, title, study.published)
    except WorkbenchError as error:
        if metrics or error.exit_code == USAGE:
            raise
        raise WorkbenchError(  # a metric or setting that the file misspells
            f"{show_path(study.path)}: {error.title}", error.hint, error.exit_code
        ) from None
    return replace(table, notes=(*study.notes, *table.notes))


def _submission_table(store: Store, name: str, metrics: Sequence[str] | None) -> Table:
    """Return the table of one submission of a study, or of a study whose file is no longer there."""
    rows = study_runs(store, name, newest=True)[::-1]
    title = rows[0].study or name
    study = _study_of(title)
    if study is None:
        return comparison(store, rows, metrics, title=title)
    layout = replace(study.layout, metrics=tuple(metrics or study.layout.metrics))
    return laid_out(store, rows, layout, study.title, study.published)


def _study_of(name: str) -> Study | None:
    """Return the study of that name; None if there is none, or its file is faulty."""
    try:
        return find_study(name)
    except WorkbenchError:
        return None


def laid_out(
    store: Store, rows: Iterable[RunRow], layout: Layout, title: str = "", published: Published = NO_VALUES
) -> Table:
    """Return the table of the groups of `rows`, laid out as asked; a plain layout is that of `comparison`.

    Raises:
        WorkbenchError: exit code 2 for a faulty layout, 3 for an unknown setting or metric.

    >>> layout = api.tables.Layout(rows=("latent",), metrics=("test_mse",), sort="-test_mse")
    >>> [column.key for column in api.tables.laid_out(store, api.runs.list_runs(store), layout).columns]
    ['model.latent', 'test_mse']
    """
    if layout.plain:
        return comparison_table(store.paths, rows, layout.metrics or None, title, published)
    kept = query.filter_rows(list(rows), layout.filter, index_of(store))
    return arranged_table(store.paths, kept, layout, title, published)


def arranged(store: Store, layout: Layout, title: str = "", published: Published = NO_VALUES) -> Table:
    """Return the table of all runs that `layout.filter` lets through, laid out as it says.

    Raises:
        WorkbenchError: exit code 2 for a faulty filter or layout, 3 for an unknown setting or metric, or if
            the filter finds no run.

    >>> layout = api.tables.Layout(rows=("latent",), metrics=("test_mse",), filter="state:finished")
    >>> table = api.tables.arranged(store, layout)
    >>> [[cell.text for cell in row] for row in table.rows]
    [['8', '0.0954 ± 0.0048']]
    """
    rows = query.filter_rows(list_runs(store)[::-1], layout.filter, index_of(store))
    if not rows:
        raise WorkbenchError(*NO_RUNS)
    return arranged_table(store.paths, rows, layout, title, published)


def save_layout(
    layout: Layout, name: str, *, published: Published = NO_VALUES, overwrite: bool = False
) -> Path:
    """Write a layout to `presets/studies/NAME.toml` in the current folder, for `study_table`.

    Raises:
        WorkbenchError: exit code 2 for an invalid name or if the file exists, 5 if it cannot be written.
    """
    import tomli_w  # only writing needs it

    if not NAME.fullmatch(name):
        hint = "Use up to 60 letters, digits, dashes and underscores."
        raise WorkbenchError(f"Cannot save the table as '{name[:60]}': not a name.", hint, USAGE)
    folder = Path.cwd() / "presets" / "studies"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkbenchError(f"Cannot make {folder}: {error.strerror}.", "", STORE) from None
    reported = {KEY: published.document()} if published.values else {}
    body = tomli_w.dumps({"title": layout.caption or name, **layout.document(), **reported})
    write_output(folder / f"{name}.toml", body.encode(), overwrite=overwrite)
    return folder / f"{name}.toml"


def differing(store: Store, run_ids: Sequence[str]) -> Table:
    """Return the settings that differ between runs: one row per setting, one column per run.

    Raises:
        WorkbenchError: exit code 3 for a run that is not in the store.
    """
    return differing_table(store.paths, [find_run(store, run_id).id for run_id in run_ids])


def paired(store: Store, rows: Iterable[RunRow], metrics: Sequence[str] | None = None) -> Table:
    """Return the difference of each group of `rows` from the first, on the same test examples.

    One row per metric with values per example in both groups: mean difference, its standard error over
    examples, their number, and the standard error over seeds. `metrics` narrows them to those named.

    Raises:
        WorkbenchError: exit code 3 for an unknown metric.

    >>> [column.key for column in api.tables.paired(store, api.runs.list_runs(store)).columns]
    ['metric', 'runs', 'paired', 'unit', 'n', 'seed_se']
    """
    from workbench.results.paired import paired_table  # loads numpy, which other tables do without

    groups = pool(store.paths, rows)
    return paired_table(store.paths, groups, group_names(groups), metrics)


def paired_runs(store: Store, run_ids: Sequence[str]) -> Table:
    """Return what `paired` does, each run by itself, under the end of its id.

    Raises:
        WorkbenchError: exit code 3 for a run that is not in the store.
    """
    from workbench.results.paired import paired_table  # as above

    rows = [find_run(store, run_id) for run_id in run_ids]
    # without date and time, if they still differ
    names = [re.sub(r"^\d{8}-\d{6}-", "", row.id) for row in rows]
    names = names if len(set(names)) == len(names) else [row.id for row in rows]
    return paired_table(store.paths, [one_run(store.paths, row) for row in rows], names)


def runs_table(store: Store, rows: Iterable[RunRow]) -> Table:
    """Return one row per run with every setting and its final metrics, for export."""
    return table_of_runs(store.paths, rows)


def export_text(table: Table, format: str, *, siunitx: bool = False) -> str:
    """Return the table as "csv", "tsv", "md", "latex", "html" or "json" text, ending in a newline.

    With `siunitx`, the numbers of latex are in its columns S.
    Numbers are raw in csv and json, rounded to their error in md and latex; text is escaped for the format.

    Raises:
        WorkbenchError: exit code 2 for another format.

    >>> table = api.tables.comparison(store, api.runs.list_runs(store), ["test_mse"])
    >>> print(api.tables.export_text(table, "csv"), end="")
    model,name,test_mse_mean,test_mse_std,test_mse_se,test_mse_n,seeds
    VAE,vae-digits,0.09543820480229677,0.0047795234269511835,,3,3
    """
    return export(table, format, siunitx=siunitx)


def format_for(path: Path, usual: str = "md") -> str:
    """Return the format of the file's extension; `usual` for a pipe or device.

    Raises:
        WorkbenchError: exit code 2 for an unknown one.

    >>> api.tables.format_for(Path("table.tex"))
    'latex'
    """
    found = usual if streams(path) else format_of(path)
    if found is None:
        hint = f"Use one of {', '.join(SUFFIXES)}."
        raise WorkbenchError(f"Unknown file extension: '{path.name}'.", hint, USAGE)
    return found


def write_export(
    table: Table, format: str, path: Path, *, siunitx: bool = False, overwrite: bool = False
) -> None:
    """Write the table to `path`, in a format of `export_text` or in "parquet": see `write_output`.

    Raises:
        WorkbenchError: exit code 2 for another format or without pyarrow, or as `write_output`.
    """
    write_output(path, export_bytes(table, format, siunitx=siunitx), overwrite=overwrite)


def long_results(store: Store, rows: Iterable[RunRow], metrics: Sequence[str] | None = None) -> Long:
    """Return one line per run, seed and metric: final values and estimates, of `metrics` or of all.

    Raises:
        WorkbenchError: exit code 3 for an unknown metric.

    >>> long = api.tables.long_results(store, api.runs.list_runs(store), ["test_mse"])
    >>> list(long.columns)
    ['run', 'name', 'model', 'data', 'seed', 'metric', 'value', 'se', 'n', 'health']
    >>> next(long.rows)[4:7]
    (0, 'test_mse', 0.09676531170391374)
    """
    rows = list(rows)
    _check_metrics(metrics, set().union(*(row.summary for row in rows)))
    return long_of_results(store.paths, rows, metrics or ())


def long_curves(store: Store, rows: Iterable[RunRow], metrics: Sequence[str] | None = None) -> Long:
    """Return one line per run, point, metric and seed of the curves, read while it is written.

    Raises:
        WorkbenchError: exit code 3 for an unknown metric.

    >>> long = api.tables.long_curves(store, api.runs.list_runs(store), ["loss"])
    >>> next(long.rows)[1:]
    (0, 'loss', 'train', 1, 0.0696, 0.0241, 45.52288818359375)
    """
    _check_metrics(metrics, ())
    return long_of_curves(store.paths, rows, metrics or ())


def _check_metrics(metrics: Sequence[str] | None, found: Collection[str]) -> None:
    for name in metrics or ():
        if name not in METRICS and name not in found:
            raise WorkbenchError(f"There is no metric '{name}'.", did_you_mean(name, METRICS), NOT_FOUND)


def write_long(long: Long, format: str, file: Path | IO[bytes], *, overwrite: bool = False) -> None:
    """Write a long table in "csv", "tsv", "json" or "parquet" into an open file or to a path.

    Raises:
        WorkbenchError: exit code 2 for another format or without pyarrow, or as `write_output`.
    """
    check_long(format)
    if isinstance(file, Path):
        write_output(file, lambda opened: write_rows(long, format, opened), overwrite=overwrite)
    else:
        write_rows(long, format, file)
