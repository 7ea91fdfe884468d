"""The data sets: each a `DataSource` in a module of this package, found by its name.

A third party adds one through the entry-point group `workbench.data`: the entry's name is the data set's, its
value the `DataSource`. Nothing here needs torch: a loader may return numpy arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.spec.data.base import Arrays, DataSource
from workbench.spec.registry import Registry

if TYPE_CHECKING:
    from workbench.spec.data.settings import DataSettings

__all__ = ["DATA_SETS", "Arrays", "DataSource", "source_of"]

DATA_SETS: Registry[DataSource] = Registry(
    __name__, "workbench.data", lambda item: isinstance(item, DataSource)
)


def source_of(settings: DataSettings) -> DataSource:
    """Return the data set that checked settings name; own data are one more, read from `data.path`."""
    if settings.path:
        own = "workbench.spec.data.files.own"
        return DataSource(settings.name, f"{own}:load", check=f"{own}:check")
    source = DATA_SETS.find(settings.name)
    assert source is not None, "checked with the settings"
    return source
