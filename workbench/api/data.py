"""Data sets and own data: whether they can be used."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from workbench.api.checks import DATA_FIX, writable
from workbench.errors import DATA, WorkbenchError
from workbench.settings import user_settings
from workbench.spec.data import source_of

if TYPE_CHECKING:
    from workbench.spec.data.settings import DataSettings


def check_data(settings: DataSettings) -> DataSettings:
    """Check data before a run is queued; return the settings with an absolute path and the content's hash.

    Whether the network answers is left to the worker.

    Raises:
        WorkbenchError: if the data are missing and cannot be downloaded, or cannot be used (exit code 8).
    """
    user = user_settings()
    source = source_of(settings)
    if not source.complete(user.data_dir) and not (user.download and writable(user.data_dir)):
        why = "the folder is not writable" if user.download else "downloads are disabled"
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
