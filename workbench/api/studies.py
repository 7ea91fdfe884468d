"""Studies: the runs that a table needs, how far they are, and queueing those that are missing.

>>> next(study.presets for study in api.studies.list_studies() if study.name == "starter")
('vae-digits', 'lae-digits', 'avb-digits', 'lebm-digits')
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.api.queue import check_specs, submit
from workbench.api.runs import list_runs
from workbench.errors import DATA, DEVICE, WorkbenchError
from workbench.queue.forecast import SAME, forecast
from workbench.results.wanted import Wanted
from workbench.spec import speeds
from workbench.spec.studies import Study, find_study, list_studies
from workbench.spec.study_plan import PlannedRun, plan
from workbench.spec.study_runs import BUDGETS
from workbench.store.details import flat
from workbench.store.run_row import RunRow

if TYPE_CHECKING:
    from workbench.api.stores import Store
    from workbench.spec.schema import RunSpec

__all__ = [
    "ABSENT",
    "BUDGETS",
    "PlanLine",
    "PlannedRun",
    "RunProgress",
    "Study",
    "StudyProgress",
    "Submission",
    "find_study",
    "forecast_plan",
    "list_studies",
    "plan",
    "planned_groups",
    "progress",
    "study_rows",
    "study_specs",
    "submit_study",
    "usual_budget",
    "wanted",
]

ABSENT = (DATA, DEVICE)  # exit codes of runs that this machine cannot make
_TAIL = "abcdefghjkmnpqrstuvwxyz23456789"  # no letters that look like digits


@dataclass(frozen=True)
class RunProgress:
    """One run of a study, its runs in the store (newest first), and the state of each of its seeds.

    A state is "done", "running" (or waiting for it), "failed" or "missing".
    """

    planned: PlannedRun
    rows: tuple[RunRow, ...]
    seeds: dict[int, str]

    @property
    def missing(self) -> list[int]:
        """The seeds that no run has, or whose run was cancelled."""
        return [seed for seed, state in self.seeds.items() if state == "missing"]


@dataclass(frozen=True)
class StudyProgress:
    """How far the runs of a study are at one budget."""

    study: Study
    budget: str
    runs: tuple[RunProgress, ...]

    def count(self, state: str) -> int:
        """Return how many seeds of all runs are in a state."""
        return sum(found == state for run in self.runs for found in run.seeds.values())

    @property
    def text(self) -> str:
        """The counts in words: "4 done, 2 running, 6 missing"."""
        counts = {state: self.count(state) for state in ("done", "running", "failed", "missing")}
        return ", ".join(f"{n} {state}" for state, n in counts.items() if n) or "no runs"


@dataclass(frozen=True)
class Submission:
    """What `submit_study` queued, and what it left out."""

    study: str
    budget: str
    queued: list[str]  # ids of the new runs
    before: str  # what was in the store already: "4 done, 2 missing", counted in seeds
    waiting: dict[str, str]  # label of a run → the preset that must finish before it
    unavailable: dict[str, str]  # label of a run → why it cannot be made here


def submit_study(
    store: Store,
    name: str,
    *,
    overrides: Sequence[str] = (),
    seeds: str | int | Sequence[int] | None = None,
    priority: int = 0,
    budget: str = "",
) -> Submission:
    """Queue the runs of a study that are missing from the store, and missing seeds of others.

    What was queued before, by this study or otherwise, counts by its group hash. Failed runs are not queued
    again. A run that starts from another run of the study waits until that has finished: call again then.
    Runs on data or devices that this machine has not are left out, unless none remains. `overrides`
    ("model.latent=2") and `seeds` (a count or a list) apply to all runs.

    Raises:
        WorkbenchError: as `plan` and `queue.submit`; exit code 6 or 8 if this machine can make none of them.

    >>> len(api.studies.submit_study(store, "starter", seeds=1).queued)
    4
    >>> api.studies.submit_study(store, "starter", seeds=1).queued
    []
    """
    study = find_study(name)
    before = progress(store, study, budget, overrides=overrides, seeds=seeds)
    tail = "".join(secrets.choice(_TAIL) for _ in range(4))
    study_id = f"{study.name}-{time.strftime('%Y%m%d-%H%M%S')}-{tail}"  # sorts by time
    waiting: dict[str, str] = {}
    unavailable: dict[str, str] = {}
    chosen: list[tuple[PlannedRun, RunSpec]] = []
    taken: dict[str, set[int]] = {}  # seeds by group hash: two rows may ask for the same run
    fault: WorkbenchError | None = None
    for run in before.runs:
        own = taken.setdefault(run.planned.spec.group_hash(), set())
        lacking = [seed for seed in run.missing if seed not in own]
        source = run.planned.source
        if not lacking:
            continue
        if any(
            source == other.planned.preset and set(other.seeds.values()) != {"done"} for other in before.runs
        ):
            waiting[run.planned.label] = source
            continue
        try:
            (spec,) = check_specs([run.planned.spec.model_copy(update={"seeds": lacking})])
        except WorkbenchError as error:
            if error.exit_code not in ABSENT:
                raise
            unavailable[run.planned.label], fault = error.title, error
            continue
        own |= set(lacking)
        chosen.append((run.planned, spec))
    if fault is not None and not chosen and not waiting and not before.count("done"):
        raise fault
    ids: list[str] = []
    for planned, spec in chosen:
        ids += submit(
            store,
            [spec],
            preset=planned.preset,
            overrides=list(planned.changes),
            study=study.name,
            study_id=study_id,
            priority=priority,
        )
    return Submission(study.name, budget, ids, before.text, waiting, unavailable)


def progress(
    store: Store,
    study: Study,
    budget: str = "",
    *,
    overrides: Sequence[str] = (),
    seeds: str | int | Sequence[int] | None = None,
) -> StudyProgress:
    """Return how far each run of a study is, from the runs of the store with its group hash and seeds.

    Raises:
        WorkbenchError: as `plan`.

    >>> api.studies.progress(store, api.studies.find_study("starter")).text
    '12 missing'
    """
    rows = list_runs(store)
    found = []
    for run in plan(study, budget, overrides, seeds):
        one = wanted(run)
        own = one.runs(rows)
        states = {seed: _state([row for row in own if seed in row.seeds]) for seed in one.seeds}
        found.append(RunProgress(run, tuple(own), states))
    return StudyProgress(study, budget, tuple(found))


def _state(rows: Sequence[RunRow]) -> str:
    states = [row.state for row in rows]
    if "finished" in states:
        return "done"
    if any(row.live for row in rows):
        return "running"
    return "failed" if "failed" in states else "missing"


def wanted(run: PlannedRun) -> Wanted:
    """Return what a run must be to be this one of the study."""
    spec = run.spec
    settings = flat(spec.model_dump(mode="json", exclude_none=True))
    return Wanted(
        run.label,
        spec.name,
        run.preset,
        spec.model.kind,
        spec.data.name,
        spec.group_hash(),
        tuple(spec.seeds),
        settings,
    )


def planned_groups(study: Study) -> set[str]:
    """Return the group hashes of the runs of a study at all its budgets, and as its file is written."""
    return {run.spec.group_hash() for budget in ("", *study.budgets) for run in plan(study, budget)}


def usual_budget(store: Store, study: Study) -> str:
    """Return the budget at which most of a study's runs are in the store, of several the largest.

    It is the cheapest one where there are none, and empty for a study without budgets.
    """
    shares: dict[str, float] = {}
    groups = {row.group for row in list_runs(store)}
    for budget in study.budgets:
        hashes = [run.spec.group_hash() for run in plan(study, budget)]
        shares[budget] = sum(found in groups for found in hashes) / len(hashes)
    best = max(shares.values(), default=0.0)
    found = [budget for budget, share in shares.items() if share == best]
    return (found[-1] if best else found[0]) if found else ""


def study_rows(store: Store, study: Study, budget: str = "") -> list[RunRow]:
    """Return the runs of the store that a study's table is made of, in the order of its rows."""
    runs = progress(store, study, budget or usual_budget(store, study)).runs
    return list({row.id: row for run in runs for row in run.rows if run.planned.row}.values())


@dataclass(frozen=True)
class PlanLine:
    """One run of a study's plan: its expected seconds with their basis, and the states of its seeds."""

    run: PlannedRun
    seconds: float | None
    basis: str
    states: dict[int, str]

    @property
    def state(self) -> str:
        """The states in words: "done", "2 done, 1 missing"."""
        found = list(self.states.values())
        counts = {state: found.count(state) for state in dict.fromkeys(found)}
        return ", ".join(s if len(counts) == 1 else f"{n} {s}" for s, n in counts.items())

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        run = self.run
        return {
            "label": run.label,
            "preset": run.preset,
            "changes": list(run.changes),
            "group": run.spec.group_hash(),
            "seeds": {str(seed): state for seed, state in self.states.items()},
            "steps": run.steps,
            "seconds": self.seconds,
            "basis": self.basis,
        }


def forecast_plan(store: Store | None, study: Study, budget: str = "") -> list[PlanLine]:
    """Return the runs of a study at a budget with their expected time and their progress.

    The time is that of runs of the same settings on this machine, else that of training on the reference
    machine (`spec/speeds.py`), else from runs of the same model and data. Without a store, all are missing.

    Raises:
        WorkbenchError: as `plan`.

    >>> lines = api.studies.forecast_plan(store, api.studies.find_study("starter"))
    >>> [(line.run.label, line.run.steps, line.state) for line in lines][:2]
    [('vae-digits', 1820, 'missing'), ('lae-digits', 1180, 'missing')]
    """
    lines = []
    if store is None:
        found = [
            RunProgress(run, (), dict.fromkeys(run.spec.seeds, "missing")) for run in plan(study, budget)
        ]
    else:
        found = list(progress(store, study, budget).runs)
    finished = [] if store is None else list_runs(store, states=["finished"])
    for one in found:
        known = None if store is None else forecast(store, one.planned.spec, finished)
        seconds = speeds.seconds(one.planned)
        basis = "unknown" if seconds is None else "the reference machine"
        if known is not None and (known.basis == SAME or seconds is None):
            seconds, basis = known.seconds, f"{known.runs} runs of {known.basis} here"
        lines.append(PlanLine(one.planned, seconds, basis, one.seeds))
    return lines


def study_specs(
    study: Study, overrides: Sequence[str] = (), seeds: str | int | Sequence[int] | None = None
) -> list[tuple[str, RunSpec]]:
    """Return (preset, spec) for each run of a study, as its file is written.

    Raises:
        WorkbenchError: as `plan`.

    >>> [preset for preset, _ in api.studies.study_specs(api.studies.find_study("starter"))]
    ['vae-digits', 'lae-digits', 'avb-digits', 'lebm-digits']
    """
    return [(run.preset, run.spec) for run in plan(study, "", overrides, seeds)]
