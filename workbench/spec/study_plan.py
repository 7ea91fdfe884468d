"""What a study comes to at a budget: every run that its table needs, with its settings and its length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import WorkbenchError
from workbench.spec.length import updates
from workbench.spec.overrides import toml_text
from workbench.spec.resolve import Seeds, expand
from workbench.spec.schema import RunSpec
from workbench.spec.studies import Study
from workbench.spec.study_runs import StudyRun, check_budget


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study, with all its seeds. `row` False: others need it, and no row shows it."""

    label: str
    preset: str
    changes: tuple[str, ...]  # of the preset, without the grid's
    spec: RunSpec
    row: bool = True

    @property
    def steps(self) -> int:
        """Its length in parameter updates, 0 where that is unknown."""
        return updates(self.spec)

    @property
    def source(self) -> str:
        """The run or preset whose finished run this one starts from or draws from; empty for none."""
        return self.spec.training.init_from or str(getattr(self.spec.model, "augment_from", ""))


def plan(
    study: Study, budget: str = "", overrides: Sequence[str] = (), seeds: Seeds = None
) -> list[PlannedRun]:
    """Return the runs of a study at a budget, in its order; the empty budget is the file as it is written.

    `overrides` ("model.latent=2") and `seeds` apply to all of them, after the budget's.

    Raises:
        WorkbenchError: exit code 3 for an unknown preset, 2 for an unknown budget or an invalid setting; it
            names the study.
    """
    check_budget(budget, study.budgets, study.name)
    found: list[PlannedRun] = []
    try:
        for run in study.runs:
            found += _of_run(study, run, budget, overrides, seeds)
    except WorkbenchError as error:
        raise WorkbenchError(f"Study '{study.name}': {error.title}", error.hint, error.exit_code) from None
    return found


def _of_run(
    study: Study, run: StudyRun, budget: str, overrides: Sequence[str], seeds: Seeds
) -> list[PlannedRun]:
    limits = study.budgets.get(budget)
    texts = (*run.set, *(limits.changes(run) if limits else ()), *overrides)
    changes = tuple({text.partition("=")[0].strip(): text for text in texts}.values())  # the last of each
    chosen = seeds
    for given in (run.seeds, limits.seeds if limits else None, study.seeds):
        chosen = given if chosen is None else chosen
    specs = expand(run.preset, changes, run.grid, chosen)
    return [PlannedRun(_label(run, spec, len(specs)), run.preset, changes, spec, run.row) for spec in specs]


def _label(run: StudyRun, spec: RunSpec, points: int) -> str:
    """Return the run's label, with the values of its grid if it has several points: "LAE transitions=2"."""
    label = run.label or run.preset
    if points == 1:
        return label
    keys = [text.partition("=")[0].strip() for text in run.grid]
    texts = [f"{key.rpartition('.')[2]}={_shown(spec, key)}" for key in keys]
    return f"{label} {' '.join(texts)}"


def _shown(spec: RunSpec, key: str) -> str:
    value: object = spec
    for part in key.split("."):
        value = getattr(value, part)
    return toml_text(value)
