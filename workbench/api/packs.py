"""Moving runs between machines as one file.

>>> target = store.root.parent / "runs.tar"
>>> api.packs.pack(store, ["fuze"], target) > 10_000
True
>>> other = api.stores.open_store(store.root.parent / "other")
>>> api.packs.unpack(other, target)["unpacked"]
['20261121-043537-vae-digits-fuze']
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

from workbench.api.outputs import streams, write_output
from workbench.api.runs import find_run
from workbench.errors import STORE, WorkbenchError
from workbench.store import unpack as reading
from workbench.store.files import open_plain
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
        WorkbenchError: exit code 3 for an unknown run; 2 if a run is not over, or for an unknown ending; as
            `api.outputs.write_output`.
    """
    rows = [find_run(store, text) for text in dict.fromkeys(run_ids)]
    runs = [store.run(run_id) for run_id in dict.fromkeys(row.id for row in rows)]
    if live := ", ".join([f"{row.id} is {row.state}" for row in rows if row.live][:3]):
        raise WorkbenchError(f"Cannot pack runs: {live}.", "Wait until they are over, or cancel them.")
    if not isinstance(target, Path):
        return write_pack(runs, target, "w|", checkpoints=checkpoints)
    mode = "w|" if streams(target) else mode_of(target.name)
    sizes: list[int] = []
    write_output(
        target,
        lambda file: sizes.append(write_pack(runs, file, mode, checkpoints=checkpoints)),
        overwrite=overwrite,
    )
    return sizes[0]


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
