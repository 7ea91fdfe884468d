"""What a user sets once for all runs: a TOML file in the config folder, overruled by the environment.

The file is `settings.toml` in the user's config folder (`~/.config/workbench/` on Linux;
`WORKBENCH_CONFIG` names another folder). Set a field below in it under its own name, or
in the environment under the name given. Example:

    data_dir = "/scratch/data"
    download = false
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError, did_you_mean
from workbench.toml import read_toml

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def _field(default: Any, variable: str, description: str, low: float = 0.0, high: float = 0.0) -> Any:
    """Declare a setting with its environment variable, and its range if it is a number."""
    extra = {"variable": variable, "description": description, "low": low, "high": high}
    return field(default=default, metadata=extra)


@dataclass(frozen=True)
class UserSettings:
    """The user's settings, checked. `data_dir` is absolute."""

    data_dir: Path = _field(Path(), "WORKBENCH_DATA_DIR", "folder of data sets")  # noqa: RUF009
    download: bool = _field(True, "WORKBENCH_DOWNLOAD", "fetch a missing data set from the network")
    cpu_slots: int = _field(
        0, "WORKBENCH_CPU_SLOTS", "CPU runs at the same time; 0 takes one per core", 0, 4096
    )
    runs_per_gpu: int = _field(4, "WORKBENCH_RUNS_PER_GPU", "runs that may share one GPU", 1, 64)
    gpu_runs: int = _field(
        0, "WORKBENCH_GPU_RUNS", "runs at the same time on all GPUs of a machine; 0 sets no limit", 0, 4096
    )
    notify: str = _field(
        "", "WORKBENCH_NOTIFY", "command called when a run ends or the queue runs empty, with JSON on stdin"
    )
    bell: bool = _field(True, "WORKBENCH_BELL", "ring the terminal's bell in the screens when a run ends")
    refresh_rate: float = _field(4.0, "WORKBENCH_REFRESH_RATE", "screen updates per second", 0.1, 30)
    mouse: bool = _field(True, "WORKBENCH_MOUSE", "let the screens take the mouse")
    ascii: bool = _field(False, "WORKBENCH_ASCII", "draw with ASCII characters only")


def config_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the user's settings and presets; it need not exist."""
    chosen = (os.environ if environ is None else environ).get("WORKBENCH_CONFIG")
    if chosen:
        return _home(chosen, "WORKBENCH_CONFIG").absolute()
    from platformdirs import user_config_path  # not needed before the first paint

    return user_config_path("workbench", appauthor=False)


def cache_dir() -> Path:
    """Return the folder of files that can be made again (`XDG_CACHE_HOME` moves it); it need not exist."""
    from platformdirs import user_cache_path  # not needed before the first paint

    return user_cache_path("workbench", appauthor=False)


def user_settings(environ: Mapping[str, str] | None = None) -> UserSettings:
    """Return the settings in force now.

    Raises:
        WorkbenchError: for a wrong value, with file and line or variable.
    """
    environ = os.environ if environ is None else environ
    known = {item.name: item for item in fields(UserSettings)}
    values: dict[str, Any] = {}
    path = config_dir(environ) / "settings.toml"
    if path.is_file():
        document = read_toml(path)
        for key, value in document.table.items():
            place = f"{document.where(key)}: {key}"
            if key not in known:
                hint = did_you_mean(key, known) or f"Known keys: {', '.join(known)}."
                raise WorkbenchError(f"{place}: unknown key.", hint)
            values[key] = _checked(value, known[key], place, path.parent)
    for name, item in known.items():
        variable = item.metadata["variable"]
        if environ.get(variable):
            values[name] = _checked(_typed(environ[variable], item), item, variable, Path.cwd())
    if "data_dir" not in values:
        from platformdirs import user_data_path  # not needed before the first paint

        values["data_dir"] = user_data_path("workbench", appauthor=False) / "data"
    return UserSettings(**values)


def _home(text: str, place: str) -> Path:
    """Return the path with its `~` filled in."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise WorkbenchError(f"{place}: there is no home folder for {text}.") from None


def _typed(text: str, item: Any) -> Any:
    """Turn an environment variable's text into the field's type, or leave it for `_checked` to refuse."""
    default = item.default
    if isinstance(default, bool):
        word = text.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else text
    try:
        return type(default)(text) if isinstance(default, int | float) else text
    except ValueError:
        return text


def _checked(value: Any, item: Any, place: str, base: Path) -> Any:
    """Return `value` in the field's type and range, or raise a WorkbenchError that names the place."""
    default = item.default
    assert default is not MISSING
    shown = repr(value)
    if isinstance(default, Path):
        if not isinstance(value, str) or not value or "\0" in value:
            raise WorkbenchError(f"{place}: must be a folder name in quotes, got {shown}.")
        return (base / _home(value, place)).absolute()
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise WorkbenchError(f"{place}: must be true or false, got {shown}.")
        return value
    if isinstance(default, str):
        if not isinstance(value, str) or "\0" in value:
            raise WorkbenchError(f"{place}: must be text in quotes, got {shown}.")
        return value
    whole = isinstance(default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        kind = "a whole number" if whole else "a number"
        raise WorkbenchError(f"{place}: must be {kind}, got {shown}.")
    low, high = item.metadata["low"], item.metadata["high"]
    if not low <= value <= high:
        raise WorkbenchError(f"{place}: must lie between {low:g} and {high:g}, got {shown}.")
    return value
