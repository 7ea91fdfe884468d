"""The data sets: each a `DataSource` in a module of this package, found by its name.

A third party adds one through the entry-point group `workbench.data`: the entry's name is the data set's, its
value the `DataSource`. Nothing here needs torch: a loader may return numpy arrays.
"""

from __future__ import annotations

from workbench.spec.data.base import Arrays, DataSource
from workbench.spec.registry import Registry

__all__ = ["DATA_SETS", "Arrays", "DataSource"]

DATA_SETS: Registry[DataSource] = Registry(
    __name__, "workbench.data", lambda item: isinstance(item, DataSource)
)
