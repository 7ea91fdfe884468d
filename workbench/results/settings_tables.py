"""Tables of settings: what differs between runs, and all runs with their settings and final numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workbench.results.compare import metric_column
from workbench.results.groups import one_run
from workbench.results.table import Cell, Column, Table, exact_cell, text_cell
from workbench.spec.health import health_text
from workbench.store.details import read_settings
from workbench.store.paths import StorePaths
from workbench.store.run_row import RunRow

OWN_COLUMN = ("name", "seeds", "schema_number", "model.kind", "data.name")


def differing_table(store: StorePaths, run_ids: Sequence[str]) -> Table:
    """Return one row per setting that is not the same in all runs, one column per run."""
    ids = list(dict.fromkeys(run_ids))
    settings = [read_settings(store.run(run_id)) for run_id in ids]
    keys = list(dict.fromkeys(key for found in settings for key in found))
    rows = [
        (text_cell(key), *(setting_cell(found, key) for found in settings))
        for key in keys
        if len({repr(found.get(key)) for found in settings}) > 1
    ]
    notes = [f"{i}: its settings cannot be read." for i, s in zip(ids, settings, strict=True) if not s]
    if not rows:
        notes.append(
            "All settings are the same." if len(ids) > 1 else "There is nothing to compare one run with."
        )
    columns = (Column("key", "setting"), *(Column(run_id, run_id, exact=True) for run_id in ids))
    return Table("Settings that differ", columns, tuple(rows), tuple(notes))


def runs_table(store: StorePaths, rows: Iterable[RunRow]) -> Table:
    """Return one row per run: what it is, every setting, and its final metrics as mean ± std over its seeds.

    Settings that none of the runs has (another family's) do not appear; those that some lack show a dash.
    """
    groups = [one_run(store, row) for row in {row.id: row for row in rows}.values()]
    keys = list(dict.fromkeys(key for group in groups for key in group.settings if key not in OWN_COLUMN))
    names = list(dict.fromkeys(name for group in groups for o in group.outcomes for name in o.metrics))
    columns = [
        Column(key, key)
        for key in ("id", "name", "model", "data", "state", "health", "seeds", "study", "tags")
    ]
    columns += [Column(key, key, exact=True) for key in keys]
    columns += [metric_column(name) for name in names]
    body = []
    made: dict[str, Cell] = {}  # most settings have few values: a cell of each is enough

    def cell_of(settings: dict[str, Any], key: str) -> Cell:
        value = repr(settings.get(key, ""))
        if value not in made:
            made[value] = setting_cell(settings, key)
        return made[value]

    for group in groups:
        row = group.rows[0]
        words = [row.id, row.name, group.title, row.data, row.state, health_text(row.health)]
        words += [" ".join(map(str, row.seeds)), row.study, " ".join(row.tags)]
        cells = [text_cell(word) for word in words]
        cells += [cell_of(group.settings, key) for key in keys]
        cells += [group.cell(name) for name in names]
        body.append(tuple(cells))
    notes = (
        "Metrics are mean ± sample standard deviation over a run's seeds; the training time is the run's.",
    )
    return Table("Runs", tuple(columns), tuple(body), notes, tuple((g.rows[0].id,) for g in groups))


def setting_cell(settings: dict[str, Any], key: str) -> Cell:
    """Return a setting as a cell: numbers stay numbers, lists are written out, what is absent is a dash."""
    if key not in settings:
        return text_cell("")
    value = settings[key]
    if isinstance(value, bool):
        return text_cell("true" if value else "false")
    if isinstance(value, int | float) and abs(value) < 2**53:
        return exact_cell(value)
    if isinstance(value, list):
        return text_cell(" ".join(str(item) for item in value))
    return text_cell(value)
