"""The machine: meters of its load, and a check of the installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from workbench.api import checks
from workbench.api.checks import Check
from workbench.api.stores import Store
from workbench.errors import WorkbenchError
from workbench.queue.devices import Meters, meters

__all__ = ["Check", "Meters", "doctor", "meters"]


def doctor(store: Store | Path | None = None) -> list[Check]:
    """Check versions, devices, data, store, settings and terminal; return all findings in a fixed order.

    A check that fails itself becomes a finding, not an error.

    >>> [check.name for check in api.devices.doctor(store) if check.name.startswith("store")]
    ['store', 'store disk']
    """
    groups: dict[str, Callable[[], Iterator[Check]]] = {
        "versions": checks.versions,
        "devices": checks.devices,
        "data": checks.data,
        "store": lambda: checks.store(store),
        "settings": checks.user_files,
        "terminal": checks.terminal,
    }
    found: list[Check] = []
    for name, group in groups.items():
        try:
            found += group()
        except WorkbenchError as error:
            found.append(Check(name, "missing", error.title, error.hint, error.exit_code))
        except OSError as error:
            found.append(Check(name, "warning", f"could not be checked: {error}"))
    return found
