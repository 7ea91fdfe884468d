"""What the keys of a table's layout can be, found in the runs that it is of. Called in threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from workbench import api
from workbench.spec.layout import FIELDS, Spread
from workbench.spec.metrics import METRICS, metric
from workbench.ui.results_rows import metric_order

if TYPE_CHECKING:
    from workbench.api.runs import RunRow
    from workbench.ui.table_draft import TableDraft


def choices_of(draft: TableDraft) -> dict[str, list[str]]:
    """Return the choices of the keys that have a list of them, the empty one first."""
    rows = draft.rows()
    settings = [key for key in api.runs.varying_settings(draft.store, rows) if key not in SAME]
    measured = [key for key, _ in metric_choices(draft)]
    kinds = list(dict.fromkeys(row.kind for row in rows))
    return {
        "columns": ["", "data", "model", *settings],
        "baseline": ["", *kinds],
        "sort": ["", *(sign + key for key in measured for sign in ("", "-"))],
        "spread": list(get_args(Spread)),
        "digits": ["", *map(str, range(6))],
    }


SAME = ("model.kind", "data.name")  # settings that are fields too


def metric_choices(draft: TableDraft) -> list[tuple[str, str]]:
    """Return key and label of every metric that a table of these runs can have."""
    names = {name for row in draft.rows() for name in row.summary} or set(METRICS)
    return [(key, metric(key).label) for key in metric_order(names)]


def row_choices(draft: TableDraft) -> list[tuple[str, str]]:
    """Return the keys that rows can be made of: fields of a run, and settings in which these differ."""
    settings = api.runs.varying_settings(draft.store, draft.rows())
    return [(key, key) for key in (*FIELDS, *(key for key in settings if key not in SAME))]


def reported_row(draft: TableDraft, row: RunRow, columns: Sequence[str]) -> str:
    """Return how a study's file names a row for its published values: its preset, and settings shown."""
    shown = [key for key in columns if "." in key]
    values = {key: api.runs.setting_values(draft.store, key).get(row.id) for key in shown}
    return " ".join(
        [row.preset or row.name, *(f"{key}={value}" for key, value in values.items() if value is not None)]
    )
