"""The groups that a study asks for, found in the store by their settings, whichever command queued them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.results.groups import OUTSIDE, OUTSIDE_SECTION, Group, members, read_newest
from workbench.store.details import brief_settings
from workbench.store.paths import StorePaths
from workbench.store.run_row import RunRow

NOT_RUN = "not run"
MOST = 4  # settings that a note on a stale row names


@dataclass(frozen=True)
class Wanted:
    """One row of a study's table: its names, the group hash and seeds of its runs, and their settings."""

    label: str
    name: str  # of its runs
    preset: str
    kind: str
    data: str
    group: str
    seeds: tuple[int, ...]
    settings: dict[str, Any]  # dotted keys

    def runs(self, rows: Iterable[RunRow]) -> list[RunRow]:
        """Return those of `rows` that have its group hash and any of its seeds, newest first."""
        own = [row for row in rows if row.group == self.group and set(row.seeds) & set(self.seeds)]
        return members(own)[0] if own else []


def wanted_groups(
    store: StorePaths,
    rows: Sequence[RunRow],
    wanted: Iterable[Wanted],
    study: str,
    planned: Collection[str],
    curves: Iterable[str] = (),
) -> list[Group]:
    """Return one group for each of `wanted`, in their order, also where none of `rows` belongs to it.

    `planned` are the group hashes of the study at all its budgets: a run of the study with another one was
    made before the study or a preset changed, and what has no other run is then stale. `curves` names metrics
    that may be the last point of a curve: see `read_outcome`.
    """
    groups = []
    for one in wanted:
        own = one.runs(rows)
        outcomes, superseded = read_newest(store, own, curves)
        absent = "" if own else _absence(store, rows, one, study, planned)
        groups.append(
            Group(
                tuple(own)
                or (RunRow("", one.name, one.kind, one.data, "queued", one.seeds, preset=one.preset),),
                outcomes,
                next((s for row in own if (s := brief_settings(store.run(row.id)))), one.settings),
                superseded,
                one.label,
                one.seeds,
                absent,
            )
        )
    return groups


def _absence(
    store: StorePaths, rows: Sequence[RunRow], one: Wanted, study: str, planned: Collection[str]
) -> str:
    """Return "not run", or "stale" with the newest finished run made for `one` under earlier settings."""
    old = next(
        (
            row
            for row in rows
            if row.preset == one.preset and row.state == "finished" and row.group not in planned
            if row.study == study or row.name == one.name
        ),
        None,
    )
    if old is None:
        return NOT_RUN
    before = brief_settings(store.run(old.id))
    keys = [
        key
        for key in {**before, **one.settings}
        if key not in OUTSIDE and not key.startswith(OUTSIDE_SECTION)
    ]
    differ = [key for key in keys if before.get(key) != one.settings.get(key)]
    texts = [
        f"{key} {before.get(key, 'unset')}, now {one.settings.get(key, 'unset')}" for key in differ[:MOST]
    ]
    more = [f"{len(differ) - MOST} more"] if len(differ) > MOST else []
    return f"stale: run {old.id} has other settings ({'; '.join([*texts, *more])})"
