"""Which store the runs are in."""

from __future__ import annotations

from workbench.store.stores import Store, open_store

__all__ = ["Store", "open_store"]
