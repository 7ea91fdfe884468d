"""The runs that a study's table needs, and the budgets at which they may be made: read from its file.

presets = ["vae-digits", "lae-digits"]       # each at every point of `grid`, with `seeds`
grid = ["model.latent=2,8"]
seeds = 3

[[runs]]                                     # or one by one, each a row of its own
preset = "robust-vae-mnist"
label = "VAE ns=5"                           # in tables; without it, the preset's name
set = ["model.augment_draws=5"]              # changes of the preset
grid = ["training.lr=1e-3,1e-4"]
seeds = [0, 1]                               # in place of the study's
row = false                                  # other runs need it; it is no row of the table

[budgets.quick]                              # quick, standard or paper: changes on top of these
seeds = 1
set = ["training.epochs=1"]                  # of every run
runs = { "VAE ns=5" = ["training.epochs=2"] }   # of the runs of a preset or label, after `set`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import USAGE, WorkbenchError, did_you_mean
from workbench.spec.seeds import seeds_from
from workbench.toml import Document

BUDGETS = ("quick", "standard", "paper")  # in ascending order of their cost
RUN_KEYS = ("preset", "label", "set", "grid", "seeds", "row")
BUDGET_KEYS = ("seeds", "set", "runs")


@dataclass(frozen=True)
class StudyRun:
    """A preset with changes, run at every point of its grid. `seeds` None: the study's, or the preset's."""

    preset: str
    label: str = ""
    set: tuple[str, ...] = ()
    grid: tuple[str, ...] = ()
    seeds: tuple[int, ...] | None = None
    row: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """What a budget may call it."""
        return (self.preset, self.label) if self.label else (self.preset,)


@dataclass(frozen=True)
class Budget:
    """Changes of all runs, and of those of a preset or label; `seeds` in place of the study's."""

    set: tuple[str, ...] = ()
    runs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seeds: tuple[int, ...] | None = None

    def changes(self, run: StudyRun) -> tuple[str, ...]:
        """Return the changes of one run, in the order in which they apply."""
        return (*self.set, *(text for name in run.names for text in self.runs.get(name, ())))


def read_runs(document: Document) -> tuple[StudyRun, ...]:
    """Return the runs of a study's file: its `presets`, then its [[runs]].

    Raises:
        WorkbenchError: with file and line of the first fault.
    """
    grid = names_in(document, document.table, "grid")
    found = [StudyRun(preset, grid=grid) for preset in names_in(document, document.table, "presets")]
    tables = document.table.get("runs", [])
    place = document.where("runs")
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise WorkbenchError(f"{place}: runs: must be sections, [[runs]].")
    for one in tables:
        _known(place, "runs", one, RUN_KEYS)
        for key, kind, form in (
            ("preset", str, "text"),
            ("label", str, "text"),
            ("row", bool, "true or false"),
        ):
            if not isinstance(one.get(key, kind()), kind):
                raise WorkbenchError(f"{place}: runs.{key}: must be {form}.")
        if not one.get("preset"):
            raise WorkbenchError(f"{place}: runs: one of them names no preset.")
        lists = {key: names_in(document, one, key, "runs") for key in ("set", "grid")}
        seeds = _seeds(place, "runs.seeds", one)
        found.append(
            StudyRun(one["preset"], one.get("label", ""), **lists, seeds=seeds, row=one.get("row", True))
        )
    return tuple(found)


def read_budgets(document: Document, runs: tuple[StudyRun, ...]) -> dict[str, Budget]:
    """Return the budgets of a study's file, cheapest first; empty where it has none.

    Raises:
        WorkbenchError: with file and line of the first fault.
    """
    tables = document.table.get("budgets", {})
    if not isinstance(tables, dict) or not all(isinstance(one, dict) for one in tables.values()):
        raise WorkbenchError(f"{document.where('budgets')}: budgets: must be sections, [budgets.quick].")
    _known(document.where("budgets"), "budgets", tables, BUDGETS)
    found = {}
    for name, one in tables.items():
        place = document.where("budgets", name)
        _known(place, f"budgets.{name}", one, BUDGET_KEYS)
        changes = one.get("runs", {})
        if not isinstance(changes, dict):
            raise WorkbenchError(f"{place}: budgets.{name}.runs: must be a table of lists.")
        _known(place, f"budgets.{name}.runs", changes, [name for run in runs for name in run.names])
        found[name] = Budget(
            names_in(document, one, "set", "budgets", name),
            {key: names_in(document, changes, key, "budgets", name, "runs") for key in changes},
            _seeds(place, f"budgets.{name}.seeds", one),
        )
    return {name: found[name] for name in BUDGETS if name in found}


def names_in(document: Document, table: Mapping[str, Any], key: str, *section: str) -> tuple[str, ...]:
    """Return a list of texts of a file; empty where it has none.

    Raises:
        WorkbenchError: with file and line, if it is something else.
    """
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise WorkbenchError(f'{document.where(*section, key)}: {key}: must be a list of names, ["a", "b"].')
    return tuple(value)


def check_budget(name: str, budgets: Mapping[str, Budget], study: str) -> None:
    """Check that a study has a budget; the empty name is the study's file as it is written.

    Raises:
        WorkbenchError: if it has not (exit code USAGE).
    """
    if name and name not in budgets:
        if not budgets:
            raise WorkbenchError(f"The study '{study}' has no budgets.", "Leave out --budget.", USAGE)
        hint = did_you_mean(name, budgets) or f"It has {', '.join(budgets)}."
        raise WorkbenchError(f"The study '{study}' has no budget '{name}'.", hint, USAGE)


def _seeds(place: str, key: str, table: Mapping[str, Any]) -> tuple[int, ...] | None:
    if "seeds" not in table:
        return None
    try:
        return tuple(seeds_from(table["seeds"]))
    except WorkbenchError as error:
        raise WorkbenchError(f"{place}: {key}: {error}") from None


def _known(place: str, what: str, table: Mapping[str, Any], known: Any) -> None:
    for key in table:
        if key not in known:
            near = did_you_mean(key, known)
            hint = near[:1].lower() + near[1:] if near else f"known: {', '.join(dict.fromkeys(known))}."
            raise WorkbenchError(f"{place}: {what}: unknown key '{key}', {hint}")
