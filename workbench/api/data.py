"""Data sets and own data: which there are, what they hold, and whether they can be used. Without torch.

>>> import numpy as np
>>> np.savez("own.npz", x=np.arange(160).reshape(10, 4, 4), y=np.arange(10) % 2)
>>> report, preview = api.data.show("own.npz", ["data.test_share=0.3"])
>>> report.kind, report.range, report.shape, report.classes, report.train, preview["images"].shape
('grey', (0.0, 159.0), (4, 4), ('0', '1'), 7, (3, 4, 4))
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal

import workbench
from workbench.errors import DATA, NOT_FOUND, WorkbenchError, did_you_mean
from workbench.settings import UserSettings, user_settings
from workbench.spec.data import DATA_SETS, DataSource, source_of
from workbench.spec.data.report import DataReport
from workbench.spec.resolve import data_settings

if TYPE_CHECKING:
    from workbench.spec.data.files.own import OwnData
    from workbench.spec.data.settings import DataSettings

__all__ = [
    "DataReport",
    "SetState",
    "check",
    "check_data",
    "data_not_here",
    "list_sets",
    "show",
    "skipped_note",
    "writable",
]

DATA_FIX = "Put its files under {}, or point WORKBENCH_DATA_DIR to their folder."
DESCRIBE = (sys.executable, "-P", "-m", "workbench.engine.data.describe")
NAMED = 3  # files that a note names


@dataclass(frozen=True)
class SetState:
    """Whether a data set can be used; `fix` says what to do where it cannot."""

    name: str
    state: Literal["ok", "warning", "missing"]
    found: str
    fix: str = ""


def list_sets() -> list[SetState]:
    """Return every known data set: generated or shipped, here and intact, or to be downloaded.

    >>> [item.found for item in api.data.list_sets() if item.name == "moons"]
    ['needs no files']
    """
    user = user_settings()
    states = []
    for name, source in DATA_SETS.known().items():
        if not source.files:
            states.append(SetState(name, "ok", "needs no files"))
        elif source.complete(user.data_dir):
            try:
                check_data(data_settings([f"data.name={name}"]))
                states.append(SetState(name, "ok", "here"))
            except WorkbenchError as problem:
                states.append(SetState(name, "warning", problem.title, problem.hint))
        elif why := _not_fetched(source, user):
            states.append(SetState(name, "warning", f"not here, and {why}", DATA_FIX.format(user.data_dir)))
        else:
            states.append(SetState(name, "ok", "not here; downloaded at first use"))
    return states


def data_not_here(data: DataSettings) -> str:
    """Return in words that files of a data set are not on this machine; empty if none is missing.

    >>> api.data.data_not_here(api.data.check("moons"))
    ''
    """
    source = None if data.path else DATA_SETS.find(data.name)
    if source is None or source.complete(user_settings().data_dir):
        return ""
    return f"the files of {data.name} are not on this machine"


def check(target: str, overrides: Sequence[str] = ()) -> DataSettings:
    """Check a data set by name, or own data by path, as queueing does; return the settings of a run on it.

    Raises:
        WorkbenchError: as `check_data`; exit code 2 for wrong overrides ("data.labels=y"), 3 if there is
            neither a data set nor a file of that name.

    >>> api.data.check("absent.npy")
    Traceback (most recent call last):
    workbench.errors.WorkbenchError: There is no data set, file or folder 'absent.npy'.
    """
    return check_data(_settings(target, overrides))


def show(target: str, overrides: Sequence[str] = ()) -> tuple[DataReport, dict[str, Any]]:
    """Return the facts about a data set or own data, and a preview: `images` or `points`, `labels`.

    A data set by name is loaded in a process of its own, for its loader may need torch.

    Raises:
        WorkbenchError: as `check`, or if the data cannot be downloaded (8).
    """
    settings = check(target, overrides)
    if settings.path:
        from workbench.spec.data.files.own import describe  # numpy, which `data ls` does not need

        return describe(settings)
    import numpy as np  # as above

    with tempfile.TemporaryDirectory(prefix="workbench-data-") as folder:
        file = Path(folder) / "report.npz"
        command = [*DESCRIBE, settings.model_dump_json(), str(file)]
        paths = [str(Path(workbench.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}  # a checkout may not be installed
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise WorkbenchError(f"Cannot load {settings.name}: {last}", "", DATA)
        with np.load(file) as found:
            preview = {name: found[name] for name in found.files}
    facts = json.loads(str(preview.pop("report")))
    listed: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
    }
    return DataReport(**listed), preview


def check_data(settings: DataSettings) -> DataSettings:
    """Check data before a run is queued; return the settings with an absolute path and the content's hash.

    Whether the network answers is left to the worker.

    Raises:
        WorkbenchError: if the data are missing and cannot be downloaded, or cannot be used (exit code 8).
    """
    user = user_settings()
    source = source_of(settings)
    if not source.complete(user.data_dir) and (why := _not_fetched(source, user)):
        raise WorkbenchError(
            f"Cannot load {settings.name}: it is not in {user.data_dir}, and {why}.",
            DATA_FIX.format(user.data_dir),
            DATA,
        )
    if settings.path:
        settings = settings.model_copy(update={"path": str(Path(settings.path).expanduser().absolute())})
    if source.check:
        found: DataSettings | None = resolve_name(source.check)(settings, user.data_dir)
        settings = found or settings
    return settings


def example_shape(settings: DataSettings) -> tuple[int, ...]:
    """Return the shape of one example of checked data; () for a data set whose loader alone knows."""
    return _opened(settings).shape if settings.path else source_of(settings).shape


def skipped_note(settings: DataSettings) -> str:
    """Return a sentence about files of checked own data that are left out; empty if there are none."""
    skipped = _opened(settings).skipped if settings.path else ()
    more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
    files = f"{len(skipped)} file{'s' if len(skipped) > 1 else ''} of {settings.path}"
    return f"{files} left out: {', '.join(skipped[:NAMED])}{more}." if skipped else ""


def writable(folder: Path) -> bool:
    """Return whether files can be made in the folder, or the folder itself be made."""
    try:
        while not folder.exists():
            folder = folder.parent
        return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


def _opened(settings: DataSettings) -> OwnData:
    from workbench.spec.data.files.own import open_data  # numpy, which runs on known data do not need here

    return open_data(settings)


def _not_fetched(source: DataSource, user: UserSettings) -> str:
    """Return why a data set cannot be downloaded; empty if it can be tried."""
    if not user.download:
        return "downloads are disabled"
    if not writable(user.data_dir):
        return "the folder is not writable"
    needed = source.fetched_with
    return f"downloading needs the package {needed}" if needed and find_spec(needed) is None else ""


def _settings(target: str, overrides: Sequence[str]) -> DataSettings:
    """Return the settings that name a data set, or a path."""
    if target in DATA_SETS.known():
        return data_settings([f"data.name={target}", *overrides])
    if not Path(target).expanduser().exists():
        near = did_you_mean(target, DATA_SETS.known())
        raise WorkbenchError(f"There is no data set, file or folder '{target}'.", near, NOT_FOUND)
    return data_settings([f"data.path={json.dumps(target)}", *overrides])
