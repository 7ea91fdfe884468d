"""How long a run will take, estimated from finished runs on this machine."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from socket import gethostname
from typing import TYPE_CHECKING

from workbench.spec.length import updates
from workbench.store.json_fields import read_table
from workbench.store.run_row import RunRow
from workbench.store.store import Store

if TYPE_CHECKING:
    from workbench.spec.schema import RunSpec

SAME = "the same settings"
ENOUGH = 10  # newest runs that are used: code and machine change


@dataclass(frozen=True)
class Forecast:
    """Expected wall-clock seconds from start to end, and their basis."""

    seconds: float
    runs: int  # number of finished runs it is based on
    basis: str  # SAME or "the same model and data"


def forecast(store: Store, spec: RunSpec, rows: Iterable[RunRow]) -> Forecast | None:
    """Return the expected duration of `spec` from finished `rows` (newest first), or None if unknown.

    Runs of the same settings and as many seeds count first; else those of the same model and data,
    scaled by their number of updates.
    """
    done = [row for row in rows if row.state == "finished" and _duration(row) > 0 and row.attempt <= 1]
    group = spec.group_hash()
    same = [row for row in done if row.group == group and len(row.seeds) == len(spec.seeds)]
    seconds = [_duration(row) for row in _here(store, same)]
    if seconds:
        return Forecast(statistics.median(seconds), len(seconds), SAME)
    alike = [row for row in done if (row.kind, row.data) == (spec.model.kind, spec.data.name)]
    steps = updates(spec)
    scaled = [
        _duration(row) * (steps / row.step if steps and row.step else 1.0) for row in _here(store, alike)
    ]
    if scaled:
        return Forecast(statistics.median(scaled), len(scaled), "the same model and data")
    return None


def _duration(row: RunRow) -> float:
    return (row.ended or 0.0) - (row.started or 0.0) if row.started else 0.0


def _here(store: Store, rows: list[RunRow]) -> list[RunRow]:
    """Return the newest of the rows that ran on this machine, as their claims say."""
    kept = []
    for row in rows[: 5 * ENOUGH]:
        claim = read_table(store.run(row.id).attempt(row.attempt).claim)
        if claim.get("host") == gethostname():
            kept.append(row)
        if len(kept) == ENOUGH:
            break
    return kept
