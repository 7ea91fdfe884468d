"""Which store: finds, creates and opens the folder that holds the runs."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import NOT_FOUND, STORE, WorkbenchError
from workbench.store.files import write_json
from workbench.store.json_fields import read_table
from workbench.store.paths import RunPaths, StorePaths

SCHEMA = 1


@dataclass(frozen=True)
class Store:
    """An open store: where it is, why that one, and whether it can be written to."""

    root: Path
    why: str  # "--store", "WORKBENCH_STORE", "nearest runs/", "user data"
    read_only: bool = False

    @property
    def paths(self) -> StorePaths:
        return StorePaths(self.root)

    def run(self, run_id: str) -> RunPaths:
        """Return the paths of a run.

        Raises:
            WorkbenchError: if the name is no run id (exit code 3).
        """
        try:
            return self.paths.run(run_id)
        except ValueError:
            raise WorkbenchError(
                f"{run_id!r} is not a run id.", "See `workbench runs ls`.", NOT_FOUND
            ) from None

    def must_be_writable(self) -> None:
        """Check that the store can be changed.

        Raises:
            WorkbenchError: if it is read-only (exit code 5).
        """
        if self.read_only:
            raise WorkbenchError(
                f"Cannot write to the store {self.root}: it is read-only.",
                "Choose another one with --store, or ask its owner for write access.",
                STORE,
            )


def open_store(path: Path | None = None, *, create: bool = True) -> Store:
    """Open the store at `path`, or the one that applies here, making it if it is new.

    Order: `path` > WORKBENCH_STORE > the nearest `runs/` made by workbench, upwards > user data.

    Raises:
        WorkbenchError: if it cannot be read or made (exit code 5); with `create=False`, if it is missing (3).
    """
    root, why = chosen_folder(path)
    paths = StorePaths(root)
    try:
        new = not paths.marker.exists()
        broken = new and os.path.lexists(root) and not root.is_dir()
    except OSError as error:  # may not be looked into, too long a name
        hint = "Change its permissions, or name another folder with --store."
        why = (error.strerror or str(error)).lower()
        raise WorkbenchError(f"Cannot open the store {root}: {why}.", hint, STORE) from None
    if broken:
        raise WorkbenchError(
            f"Cannot open the store {root}: it is not a folder.",
            "Name another one with --store.",
            STORE,
        )
    if new and not create:
        hint = "Queue a run to create it, or name another one with --store."
        raise WorkbenchError(f"Cannot open the store {root}: it does not exist.", hint, NOT_FOUND)
    if new:
        _make(paths)
    schema = read_table(paths.marker).get("schema")
    if not isinstance(schema, int):
        hint = 'Check that you may read it; if the file is damaged, write {"schema": 1} into it.'
        raise WorkbenchError(f"Cannot read {paths.marker}: it is damaged or private.", hint, STORE)
    if schema > SCHEMA:
        raise WorkbenchError(
            f"Cannot open the store {root}: newer layout ({schema}, here {SCHEMA}).",
            "Update workbench, or choose another store with --store.",
            STORE,
        )
    writable = os.access(root, os.W_OK | os.X_OK) and os.access(paths.hidden, os.W_OK | os.X_OK)
    return Store(root, why, read_only=not writable)


def chosen_folder(path: Path | None) -> tuple[Path, str]:
    """Return the folder that applies here, which need not exist, and the reason for it."""
    if path is not None:
        return _absolute(path, "--store"), "--store"
    chosen = os.environ.get("WORKBENCH_STORE")
    if chosen:
        return _absolute(Path(chosen), "WORKBENCH_STORE"), "WORKBENCH_STORE"
    for folder in (Path.cwd(), *Path.cwd().parents):
        runs = folder / "runs"
        if StorePaths(runs).marker.is_file() or _project_folder(folder):
            return runs, "nearest runs/"
    from platformdirs import user_data_path  # not needed before the first paint

    return user_data_path("workbench", appauthor=False) / "runs", "user data"


def _project_folder(folder: Path) -> bool:
    """Whether `folder` is a checkout of this project with its `runs/` still untouched."""
    runs, project = folder / "runs", folder / "pyproject.toml"
    try:
        if not runs.is_dir() or any(p.name != ".gitkeep" for p in runs.iterdir()):
            return False
        return 'name = "workbench"' in project.read_text()
    except (OSError, ValueError):
        return False


def _absolute(path: Path, place: str) -> Path:
    """Return the path with `~` expanded, made absolute."""
    try:
        if "\0" in str(path):
            raise ValueError
        return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - a link as store stays a link
    except (RuntimeError, ValueError):
        raise WorkbenchError(f"Invalid value '{path}' for {place}: not a path.", "", STORE) from None


def _make(paths: StorePaths) -> None:
    """Create the store: private to the user, unless the folder was there already."""
    made: list[Path] = []
    try:
        for folder in reversed([f for f in (paths.hidden, *paths.hidden.parents) if not f.exists()]):
            folder.mkdir(mode=0o700, exist_ok=True)
            made.append(folder)
        write_json(paths.marker, {"schema": SCHEMA})
    except OSError as error:
        with contextlib.suppress(OSError):  # a full disk must not leave half a store
            for folder in reversed(made):
                folder.rmdir()
        why = (error.strerror or str(error)).lower()
        hint = "Choose a folder you can write to with --store or WORKBENCH_STORE."
        raise WorkbenchError(f"Cannot create the store {paths.root}: {why}.", hint, STORE) from None
