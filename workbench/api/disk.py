"""The disk space of runs, and freeing some of it.

>>> sizes = api.disk.usage(store)
>>> sizes["20261121-043537-vae-digits-fuze"] > 10_000
True
>>> api.disk.unneeded(store, api.runs.list_runs(store))  # this run has one snapshot and no checkpoint
[]
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.errors import STORE, WorkbenchError
from workbench.store import disk
from workbench.store.disk import Unneeded
from workbench.store.index import index_of
from workbench.store.run_row import RunRow
from workbench.store.store import Store

__all__ = ["Unneeded", "free", "unneeded", "usage"]


def usage(store: Store) -> dict[str, int]:
    """Return the bytes that each run takes. They are counted once, and again for runs that have changed."""
    index = index_of(store)
    index.rows()
    return index.disk()


def unneeded(
    store: Store,
    rows: Iterable[RunRow],
    *,
    keep_last: int = 1,
    checkpoints: bool = True,
    snapshots: bool = True,
) -> list[Unneeded]:
    """Return what nothing reads any more in runs that are over: old checkpoints, all but the last snapshots.

    The final weights are kept. Runs without such files, and runs that are not over, are left out.
    """
    options = {"checkpoints": checkpoints, "snapshots": snapshots}
    found = [disk.unneeded(store.run(row.id), keep_last=keep_last, **options) for row in rows if not row.live]
    return [one for one in found if one.files]


def free(store: Store, found: Iterable[Unneeded]) -> int:
    """Delete these files and return the freed bytes. This cannot be undone.

    Raises:
        WorkbenchError: exit code 5 if the store is read-only, or a file cannot be deleted.
    """
    store.must_be_writable()
    total = 0
    for one in found:
        try:
            total += disk.delete(one)
        except OSError as error:
            hint = "Change its permissions."
            raise WorkbenchError(
                f"Cannot delete files of {one.run.id}: {error.strerror}.", hint, STORE
            ) from None
    return total
