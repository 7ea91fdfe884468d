"""Which store the runs are in."""

from __future__ import annotations

from workbench.store.store import Store, chosen_folder, open_store

__all__ = ["Store", "chosen_folder", "open_store"]
