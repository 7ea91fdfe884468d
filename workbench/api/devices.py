"""The machine: meters of its load, and a check of the installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from workbench.api import checks
from workbench.api.checks import Check
from workbench.api.stores import Store
from workbench.errors import RUN_FAILED, WorkbenchError
from workbench.queue import notify
from workbench.queue.devices import Meters, meters
from workbench.settings import user_settings

__all__ = ["Check", "Meters", "doctor", "meters", "try_notify"]


def try_notify(store: Store | Path | None = None) -> Check:
    """Call the user's notify command with a made-up run, and return how that went.

    >>> api.devices.try_notify(store).state  # no command is set
    'warning'
    """
    command = user_settings().notify
    if not command:
        fix = 'Set notify = "COMMAND" in settings.toml, or WORKBENCH_NOTIFY.'
        return Check("notify", "warning", "no command is set", fix)
    root = store.root if isinstance(store, Store) else store or Path.cwd()
    run = {
        "id": "20261125-120000-test-0000",
        "name": "test of workbench doctor --notify",
        "state": "finished",
    }
    fault = notify.call(command, notify.message("test", root, run))
    if fault:
        return Check("notify", "missing", f"{command}: {fault}", "It is run without a shell.", RUN_FAILED)
    return Check("notify", "ok", command)


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
