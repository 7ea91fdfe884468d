"""Studies: the runs that a table needs, at up to three budgets, and the table's layout; or this alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean
from workbench.spec.layout import KEYS as LAYOUT_KEYS
from workbench.spec.layout import PLAIN, Layout, read_layout
from workbench.spec.presets import check_keys, seeds_of, text_of, toml_files
from workbench.spec.reference_values import KEY, NO_VALUES, Published, read_published
from workbench.spec.study_runs import Budget, StudyRun, names_in, read_budgets, read_runs
from workbench.toml import read_toml

KEYS = (
    "title", "description", "presets", "grid", "seeds", "runs", "budgets", "notes", KEY, *LAYOUT_KEYS,
)  # fmt: skip


@dataclass(frozen=True)
class Study:
    """One study file. `error` is set, and the rest empty, where the file cannot be used."""

    name: str
    title: str
    description: str
    presets: tuple[str, ...]  # of its runs, each once
    path: Path
    runs: tuple[StudyRun, ...] = ()
    seeds: tuple[int, ...] | None = None  # None: each preset's own
    budgets: Mapping[str, Budget] = field(default_factory=dict)  # by name, cheapest first
    layout: Layout = PLAIN  # of its table
    notes: tuple[str, ...] = ()  # below its table
    published: Published = NO_VALUES  # values from the literature for its rows
    error: str = ""


def list_studies() -> list[Study]:
    """Return all studies by name; a broken file is listed with its `error`."""
    studies = []
    for name, (_, path) in toml_files("studies").items():
        try:
            studies.append(load_study(path))
        except WorkbenchError as error:
            studies.append(Study(name, name, "", (), path, error=str(error)))
    return studies


def find_study(name: str) -> Study:
    """Return the study of that name.

    Raises:
        WorkbenchError: if there is none (exit code NOT_FOUND), or its file is faulty.
    """
    files = toml_files("studies")
    if name in files:
        return load_study(files[name][1])
    hint = did_you_mean(name, files) or "`workbench studies ls` lists them."
    raise WorkbenchError(f"There is no study '{name}'.", hint, NOT_FOUND)


def load_study(path: Path) -> Study:
    """Read and check one study file; that its presets exist is checked when it is run.

    Raises:
        WorkbenchError: with file and line of the first fault.
    """
    document = read_toml(path)
    check_keys(document, KEYS)
    layout = read_layout(document)
    runs = read_runs(document)
    if not runs and ("presets" in document.table or layout.plain):
        raise WorkbenchError(f"{document.where('presets')}: presets: names no preset.")
    name = path.stem
    return Study(
        name=name,
        title=text_of(document, "title") or name,
        description=text_of(document, "description"),
        presets=tuple(dict.fromkeys(run.preset for run in runs)),
        path=path,
        runs=runs,
        seeds=seeds_of(document),
        budgets=read_budgets(document, runs),
        layout=layout,
        notes=names_in(document, document.table, "notes"),
        published=read_published(document),
    )
