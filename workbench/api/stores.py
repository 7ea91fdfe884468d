"""Which store the runs are in.

>>> store = api.stores.open_store(store.root, create=False)
>>> store.why, store.read_only
('--store', False)
"""

from __future__ import annotations

from workbench.store.store import Store, chosen_folder, open_store

__all__ = ["Store", "chosen_folder", "open_store"]
