"""The machine: meters for the screens, and a doctor that says what is missing."""

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
    """Return all findings, in a fixed order; a check that fails itself becomes a finding, not an error."""
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
