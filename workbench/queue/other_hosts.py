"""Stores on a network disk, which other machines may use too: their files reach us, their locks may not."""

from __future__ import annotations

import socket
from typing import Any

from workbench.store.files import read_json
from workbench.store.index import on_network
from workbench.store.paths import StorePaths

BEAT_SECONDS = 10.0  # between signs of life of a scheduler in such a store
SILENT_SECONDS = 60.0  # without one, it is taken for dead


def other_host(document: Any) -> str:
    """Return the host that a claim or an address names, if it is not this one; else an empty string."""
    host = document.get("host") if isinstance(document, dict) else None
    return host if isinstance(host, str) and host != socket.gethostname() else ""


def scheduler_elsewhere(store: StorePaths) -> str:
    """Return the other machine whose scheduler looks after this store, or an empty string.

    The age of its address is told by the disk's own clock: against `bell`, which the caller has just touched.
    """
    host = other_host(read_json(store.scheduler))
    if not host or not on_network(store.root):
        return ""
    try:
        age = store.bell.stat().st_mtime - store.scheduler.stat().st_mtime
    except OSError:
        return ""
    return host if age < SILENT_SECONDS else ""
