"""Seeds of one group, pooled over the runs they were trained in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from workbench.errors import WorkbenchError
from workbench.results.run_result import Measured, Outcome, read_outcome
from workbench.results.table import Cell, number_cell, spread_cell
from workbench.spec.health import Health, worst
from workbench.spec.metric import NATS
from workbench.spec.metrics import metric
from workbench.spec.models import settings_class
from workbench.store.details import brief_settings
from workbench.store.paths import StorePaths
from workbench.store.run_row import RunRow

OUTSIDE = ("name", "seeds", "schema_number")  # keys that runs of one group may differ in
OUTSIDE_SECTION = "resources."
T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """Runs that differ only in seeds, name or resources, and what they found, seed by seed."""

    rows: tuple[RunRow, ...]
    outcomes: tuple[Outcome, ...]  # newest first, without those of `superseded`
    settings: dict[str, Any]  # dotted keys, of the newest run
    superseded: tuple[RunRow, ...] = ()  # finished, and all their seeds have a result of a newer run
    label: str = ""  # what a study calls the row; empty: the names of its runs
    wanted: tuple[int, ...] = ()  # the seeds that a study asks for; empty: all that were run
    absent: str = ""  # why there is no run, where a study asks for one: "not run", "stale"; `rows` then
    # holds a row without id that has the names alone

    @property
    def title(self) -> str:
        """The family's name in tables."""
        return family_title(self.rows[0].kind)

    @property
    def name(self) -> str:
        """The study's label, or the runs' names, each once."""
        return self.label or ", ".join(dict.fromkeys(row.name for row in self.rows))

    @property
    def seeds(self) -> tuple[int, ...]:
        """All seeds that were asked for, in ascending order."""
        if self.wanted:
            return tuple(sorted(self.wanted))
        return tuple(sorted({seed for row in self.rows for seed in row.seeds} | set(self._owner)))

    @property
    def diverged(self) -> dict[int, int]:
        """The first bad step of each seed that diverged."""
        return {s: o.diverged[s] for s, o in sorted(self._owner.items()) if s in o.diverged}

    @property
    def repeated(self) -> tuple[int, ...]:
        """Seeds with a result in more than one run."""
        lists = [*(outcome.seeds for outcome in self.outcomes), *(row.seeds for row in self.superseded)]
        counts = Counter(seed for seeds in lists for seed in seeds)
        return tuple(seed for seed in self.seeds if counts[seed] > 1)

    @property
    def finished(self) -> int:
        """Seeds with a result that did not diverge."""
        return len(self._owner) - len(self.diverged)

    @property
    def state(self) -> str:
        """What became of the runs of a group without results: "not run", "running", "2 queued, 1 failed"."""
        states = [row.state for row in self.rows]
        counts = {state: states.count(state) for state in dict.fromkeys(states)}
        known = ", ".join(s if len(states) == 1 else f"{n} {s}" for s, n in counts.items())
        return self.absent.partition(":")[0] or known

    @property
    def health(self) -> dict[int, Health]:
        """The verdict on each seed that counts: one that diverged has no values, and is named elsewhere."""
        owner = sorted(self._owner.items())
        return {s: o.health[s] for s, o in owner if s in o.health and s not in o.diverged}

    @property
    def stopped(self) -> dict[int, int]:
        """The seeds that patience stopped early, and the step whose state each keeps."""
        return {s: o.stopped[s] for s, o in sorted(self._owner.items()) if s in o.stopped}

    @property
    def verdict(self) -> str:
        """The gravest verdict on its seeds."""
        return worst(self.health.values())

    @property
    def cut_short(self) -> bool:
        """Whether a seed diverged, or was stopped early: the others are a selection, or not comparable."""
        return bool(self.diverged or self.stopped)

    def cell(self, key: str, usual_n: int | None = None) -> Cell:
        """Return the group's cell of a metric: mean ± std over the distinct seeds that have a result.

        What has one value a run (the training time) is pooled over runs instead. What has one value for the
        data set (a real-versus-real null) is one set of draws, which every seed and run repeats: it has the
        spread of these draws. Another n than `usual_n` (default: all finished seeds) is in the text.
        """
        usual = self.finished if usual_n is None else usual_n
        owner = self._owner
        one_per = metric(key).one_per
        if one_per == "run":
            used = [o for o in self.outcomes if any(owner[seed] is o for seed in o.seeds)]
            shared = [value for o in used if (value := o.shared(key)) is not None]
            return number_cell(shared, usual_n=usual)
        if one_per == "data set":
            for measured in (o.metrics.get(key, Measured({})) for o in self.outcomes):
                for seed, value in measured.values.items():
                    if value is not None:
                        return spread_cell(value, measured.errors.get(seed), measured.n)
            return number_cell(())
        values: list[float | None] = []
        errors: list[float | None] = []
        for seed, outcome in sorted(owner.items()):
            measured = outcome.metrics.get(key, Measured({}))
            if seed in measured.values:
                values.append(measured.values[seed])
                errors.append(measured.errors.get(seed))
        known = [error for value, error in zip(values, errors, strict=True) if value is not None]
        return number_cell(values, usual_n=usual, se=known[0] if len(known) == 1 else None)

    def seed_values(self, key: str) -> dict[int, float | None]:
        """Return the value of a metric of each seed with a result, None where it is not finite."""
        found = {}
        for seed, outcome in sorted(self._owner.items()):
            measured = outcome.metrics.get(key, Measured({}))
            if seed in measured.values:
                found[seed] = measured.values[seed]
        return found

    def comparable(self, key: str) -> Hashable:
        """Return what must be equal in two groups for their values of a metric to be ranked."""
        found = metric(key)
        if found.one_per == "run":
            threads = self.settings.get("resources.threads")
            return tuple(sorted({(o.place, len(o.seeds), str(threads)) for o in self.outcomes}))
        wanted = [name for name in sorted(self.settings) if name.startswith("data.")]
        if found.unit == NATS:  # densities of x under different observation models do not compare
            wanted.append("model.likelihood")
            if self.settings.get("model.likelihood", "gaussian") == "gaussian":
                wanted += ["model.sigma", "model.learn_sigma"]
        wanted += [name for name, _ in found.equal]
        how = {o.conditions[key] for o in self.outcomes if key in o.conditions}
        return (self.rows[0].data, *((name, str(self.settings.get(name))) for name in wanted), *sorted(how))

    def has(self, key: str) -> bool:
        """Whether any result of the group names the metric."""
        return any(key in outcome.metrics for outcome in self.outcomes)

    @cached_property
    def _owner(self) -> dict[int, Outcome]:
        found = owners((outcome.seeds, outcome) for outcome in self.outcomes)
        return {seed: o for seed, o in found.items() if not self.wanted or seed in self.wanted}


def owners(newest_first: Iterable[tuple[Sequence[int], T]]) -> dict[int, T]:
    """Return which run speaks for each seed: the newest one. The same seed twice is one sample, not two."""
    owner: dict[int, T] = {}
    for seeds, run in newest_first:
        for seed in seeds:
            owner.setdefault(seed, run)
    return owner


def members(rows: Iterable[RunRow]) -> list[list[RunRow]]:
    """Return the rows of each group, newest first; the groups in the order in which they first appear."""
    found: dict[str, dict[str, RunRow]] = {}
    for row in rows:
        found.setdefault(row.group or row.id, {})[row.id] = row
    return [
        sorted(group.values(), key=lambda row: (row.created, row.id), reverse=True)
        for group in found.values()
    ]


def pooled(rows: Sequence[RunRow]) -> RunRow:
    """Return the runs of one group, newest first, as one row: the newest's, with the results of all seeds.

    A metric has one value a seed, that of the newest run with a result of the seed; the training time has
    one value a run, the null one. The row lasts as long as its runs took together.
    """
    if len(rows) == 1:
        return rows[0]
    owner = owners((row.seeds, row) for row in rows if row.summary)
    parts = [
        (row.summary, [k for k, seed in enumerate(row.seeds) if owner[seed] is row])
        for row in rows
        if row.summary
    ]
    summary = {}
    for name in dict.fromkeys(name for found, places in parts if places for name in found):
        by_run = metric(name).one_per == "run"
        values: list[float | None] = []
        for found, places in parts:
            column = found.get(name, ())
            if by_run:
                column, places = column[:1], places[:1] and [0]
            values += column if len(places) == len(column) else [column[k] for k in places if k < len(column)]
        summary[name] = tuple(values)
    health: tuple[Health, ...] = ()
    if any(row.health for row in rows):
        health = tuple(row.health[row.seeds.index(seed)] for seed, row in sorted(owner.items()) if row.health)
    took = [row.took for row in rows if row.took is not None]
    return replace(
        rows[0],
        seeds=tuple(sorted({seed for row in rows for seed in row.seeds})),
        summary=summary,
        health=health,
        started=0.0 if took else None,
        ended=sum(took) if took else None,
    )


def pool(store: StorePaths, rows: Iterable[RunRow], curves: Sequence[str] | None = None) -> list[Group]:
    """Return the groups of `rows` with their results, in the order in which they first appear.

    `curves` names metrics that may be the last point of a curve: see `read_outcome`.
    """
    groups = []
    for newest in members(rows):
        outcomes, superseded = read_newest(store, newest, curves or ())
        settings = next((s for row in newest if (s := brief_settings(store.run(row.id)))), {})
        groups.append(Group(tuple(newest), outcomes, settings, superseded))
    return groups


def read_newest(
    store: StorePaths, newest_first: Iterable[RunRow], curves: Iterable[str] = ()
) -> tuple[tuple[Outcome, ...], tuple[RunRow, ...]]:
    """Return the results of runs, and the finished runs that need no reading: newer ones have all seeds."""
    outcomes: list[Outcome] = []
    superseded: list[RunRow] = []
    owned: set[int] = set()
    for row in newest_first:
        if row.state == "finished" and owned.issuperset(row.seeds):
            superseded.append(row)
        elif (outcome := read_outcome(store.run(row.id), curves)) is not None:
            outcomes.append(outcome)
            owned.update(outcome.seeds)
    return tuple(outcomes), tuple(superseded)


def one_run(store: StorePaths, row: RunRow) -> Group:
    """Return one run as a group of its own."""
    outcome = read_outcome(store.run(row.id))
    return Group((row,), (outcome,) if outcome else (), brief_settings(store.run(row.id)))


def family_title(kind: str) -> str:
    """Return the family's name in tables; the kind itself for one that is not installed here."""
    try:
        return settings_class(kind).title or kind
    except (WorkbenchError, ImportError, AttributeError, AssertionError):
        return kind
