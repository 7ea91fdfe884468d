"""`workbench pack` and `unpack`: move runs between machines as one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench import api
from workbench.cli.options import Json, Overwrite, RunNames, open_store
from workbench.cli.output import out, out_json, talk
from workbench.errors import WorkbenchError
from workbench.text import format_bytes

PIPE = Path("-")


def pack(
    ctx: typer.Context,
    runs: RunNames,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="A .tar, .tar.gz or .tar.xz file; - is stdout."),
    ] = None,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints/--no-checkpoints", help="Include the checkpoints.")
    ] = True,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write runs into one file, with checksums.

    Prints the name of the file.
    """
    store = open_store(ctx)
    ids = list(dict.fromkeys(api.runs.find_run(store, text).id for text in runs))
    if output == PIPE:
        if sys.stdout.isatty() or json:
            raise WorkbenchError("Cannot write an archive to a terminal or as JSON.", "Name a file.")
        size = api.packs.pack(store, ids, sys.stdout.buffer, checkpoints=checkpoints)
    else:
        output = output or Path(f"{ids[0]}.tar" if len(ids) == 1 else f"{len(ids)}-runs.tar")
        size = api.packs.pack(store, ids, output, checkpoints=checkpoints, overwrite=overwrite)
        if json:
            out_json({"file": output, "runs": ids, "bytes": size})
        else:
            out(str(output), one_line=True)
    talk(f"Packed {len(ids)} run{'s' * (len(ids) > 1)}, {format_bytes(size)}.")


def unpack(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `pack` wrote, or - for stdin.")],
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out runs that the store has already.")
    ] = False,
    json: Json = False,
) -> None:
    """Add the runs of a packed file to the store.

    All or none. Prints their ids.
    """
    store = open_store(ctx, create=True)
    source = sys.stdin.buffer if file == PIPE else file
    found = api.packs.unpack(store, source, skip_existing=skip_existing)
    if json:
        out_json(found)
    elif found["unpacked"]:
        out("\n".join(found["unpacked"]))
    if found["skipped"]:
        count = len(found["skipped"])
        talk(f"Skipped {count} run{'s' * (count > 1)} that the store has already.")
