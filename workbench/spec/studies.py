"""Studies: a few presets run on the same seeds, and how their table is laid out; or the table alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean
from workbench.spec.layout import KEYS as LAYOUT_KEYS
from workbench.spec.layout import PLAIN, Layout, read_layout
from workbench.spec.presets import check_keys, seeds_of, text_of, toml_files
from workbench.spec.reference_values import KEY, NO_VALUES, Published, read_published
from workbench.toml import read_toml

KEYS = ("title", "description", "presets", "grid", "seeds", KEY, *LAYOUT_KEYS)


@dataclass(frozen=True)
class Study:
    """One study file. `error` is set, and the rest empty, where the file cannot be used."""

    name: str
    title: str
    description: str
    presets: tuple[str, ...]
    path: Path
    seeds: tuple[int, ...] | None = None  # None: each preset's own
    grid: tuple[str, ...] = ()  # each preset is run at every point, "model.beta=0.001,0.01,0.1"
    layout: Layout = PLAIN  # of its table
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
    lists = {}
    for key in ("presets", "grid"):
        value = document.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise WorkbenchError(f'{document.where(key)}: {key}: must be a list of names, ["a", "b"].')
        lists[key] = tuple(value)
    layout = read_layout(document)
    if not lists["presets"] and ("presets" in document.table or layout.plain):
        raise WorkbenchError(f"{document.where('presets')}: presets: names no preset.")
    name = path.stem
    return Study(
        name=name,
        title=text_of(document, "title") or name,
        description=text_of(document, "description"),
        presets=lists["presets"],
        path=path,
        seeds=seeds_of(document),
        grid=lists["grid"],
        layout=layout,
        published=read_published(document),
    )
