"""Stores on a network disk, shared with other machines: their files are seen here, their locks may not be."""

from __future__ import annotations

import socket
from typing import Any

from workbench.store.index import on_network
from workbench.store.json_fields import read_table, table
from workbench.store.paths import StorePaths

BEAT_SECONDS = 10.0  # between signs of life of a scheduler in such a store
SILENT_SECONDS = 60.0  # without one, it is taken for dead


def other_host(document: Any) -> str:
    """Return the host that a claim or an address names, if it is not this one; else an empty string."""
    host = table(document).get("host")
    return host if isinstance(host, str) and host != socket.gethostname() else ""


def scheduler_elsewhere(store: StorePaths) -> str:
    """Return the other machine whose scheduler serves this store, or an empty string.

    The disk's own clock measures the age of its address, against `bell`, which the caller has just touched.
    """
    host = other_host(read_table(store.scheduler))
    if not host or not on_network(store.root):
        return ""
    try:
        age = store.bell.stat().st_mtime - store.scheduler.stat().st_mtime
    except OSError:
        return ""
    return host if age < SILENT_SECONDS else ""
