"""The data sets: each a `DataSource` in a module of this package, found by its name.

A third party adds one through the entry-point group `workbench.data`: the entry's name is the data set's, its
value the `DataSource`. Nothing here needs torch: a loader may return numpy arrays.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from workbench.errors import WorkbenchError
from workbench.spec.data.base import Arrays, DataSource
from workbench.spec.registry import members_of, plugins_of

__all__ = ["Arrays", "DataSource", "data_source", "data_sources"]


def _is_source(item: Any) -> bool:
    return isinstance(item, DataSource)


@cache
def _built_in() -> dict[str, DataSource]:
    return members_of(__name__, _is_source)


@cache
def _plugins() -> tuple[dict[str, DataSource], dict[str, WorkbenchError]]:
    return plugins_of("workbench.data", _is_source)


def data_sources() -> dict[str, DataSource]:
    """Return every usable data set by name: the built-in ones first, then those of installed plug-ins."""
    return {**_built_in(), **{k: v for k, v in _plugins()[0].items() if k not in _built_in()}}


def data_source(name: str) -> DataSource | None:
    """Return the data set of that name, or None. Plug-ins are loaded for names that are not built in alone.

    Raises:
        WorkbenchError: if the plug-in of that name cannot be loaded.
    """
    if name in _built_in():
        return _built_in()[name]
    found, broken = _plugins()
    if name in broken:
        raise broken[name]
    return found.get(name)
