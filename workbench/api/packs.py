"""Moving runs between machines as one file.

>>> target = store.root / "runs.tar"
>>> api.packs.pack(store, ["fuze"], target) > 10_000
True
>>> other = api.stores.open_store(store.root.parent / "other")
>>> api.packs.unpack(other, target)["unpacked"]
['20261121-043537-vae-digits-fuze']
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from workbench.api.runs import find_run
from workbench.errors import STORE, WorkbenchError
from workbench.store import unpack as reading
from workbench.store.files import open_plain, sync_folder
from workbench.store.pack import ENDINGS, mode_of, write_pack
from workbench.store.store import Store

__all__ = ["ENDINGS", "pack", "unpack"]


def pack(
    store: Store,
    run_ids: Sequence[str],
    target: Path | IO[bytes],
    *,
    checkpoints: bool = True,
    overwrite: bool = False,
) -> int:
    """Write runs that are over into one tar archive, a file or an open stream; return the bytes in it.

    The ending of a file chooses the compression: .tar, .tar.gz, .tgz or .tar.xz. A stream gets none.

    Raises:
        WorkbenchError: exit code 3 for an unknown run; 2 if a run is not over, or for an unknown ending; 5 if
            the file exists, or cannot be written.
    """
    rows = [find_run(store, text) for text in dict.fromkeys(run_ids)]
    runs = [store.run(run_id) for run_id in dict.fromkeys(row.id for row in rows)]
    if live := ", ".join([f"{row.id} is {row.state}" for row in rows if row.live][:3]):
        raise WorkbenchError(f"Cannot pack runs: {live}.", "Wait until they are over, or cancel them.")
    if not isinstance(target, Path):
        return write_pack(runs, target, "w|", checkpoints=checkpoints)
    mode, target = mode_of(target.name), Path(os.path.abspath(target.expanduser()))  # noqa: PTH100
    if os.path.lexists(target) and not overwrite:
        raise WorkbenchError(f"Cannot write {target}: it exists.", "--overwrite replaces it.", STORE)
    temporary = target.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            total = write_pack(runs, file, mode, checkpoints=checkpoints)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        hint = "Free some space, or choose another place."
        raise WorkbenchError(f"Cannot write {target}: {error.strerror}.", hint, STORE) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return total


def unpack(store: Store, source: Path | IO[bytes], *, skip_existing: bool = False) -> dict[str, list[str]]:
    """Add the runs of an archive, a file or an open stream; return the ids "unpacked" and "skipped".

    All runs appear, or none: the archive may come from anywhere and is checked file by file.

    Raises:
        WorkbenchError: exit code 5 if it cannot be read, is damaged or unsafe; 2 if the store has one of its
            runs already, unless it may be skipped.
    """
    store.must_be_writable()
    if not isinstance(source, Path):
        return reading.unpack(store, source, "the archive", skip_existing=skip_existing)
    try:
        file = open_plain(source)
    except OSError as error:
        raise WorkbenchError(f"Cannot read {source}: {error.strerror}.", "", STORE) from None
    with file:
        return reading.unpack(store, file, source.name, skip_existing=skip_existing)
