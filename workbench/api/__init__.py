"""The functions that screens, command line and notebooks call.

    >>> from workbench import api
    >>> store = api.stores.open_store(create=False)
    >>> [row.state for row in api.runs.list_runs(store)]
    ['finished']

A module is imported at its first use: `workbench --help` and the first screen need none of them. Errors
that a user can fix are `workbench.errors.WorkbenchError`, with a hint and an exit code.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.api import (
        data,
        devices,
        disk,
        evaluations,
        figures,
        live,
        models,
        packs,
        plots,
        presets,
        queue,
        runs,
        sources,
        stores,
        studies,
        tables,
    )

__all__ = [
    "data",
    "devices",
    "disk",
    "evaluations",
    "figures",
    "live",
    "models",
    "packs",
    "plots",
    "presets",
    "queue",
    "runs",
    "sources",
    "stores",
    "studies",
    "tables",
]

if not TYPE_CHECKING:  # a type checker reports a misspelt name instead

    def __getattr__(name: str) -> object:
        if name in __all__:
            return import_module(f"{__name__}.{name}")  # at first use: start-up time
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
