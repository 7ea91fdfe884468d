"""`workbench runs prune`: free disk space of runs that are over."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from workbench import api
from workbench.cli import complete
from workbench.cli.options import RUN_HELP, Filter, Json, State, StudyName, chosen_rows, open_store
from workbench.cli.output import out_json, out_table, talk
from workbench.errors import WorkbenchError
from workbench.text import format_bytes


def prune(
    ctx: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN...]", help=f"{RUN_HELP} Default: all.", autocompletion=complete.runs),
    ] = None,
    state: State = None,
    study: StudyName = None,
    filter: Filter = "",
    keep_last: Annotated[
        int, typer.Option("--keep-last", metavar="N", min=0, help="Snapshots to keep of each run.")
    ] = 1,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints/--no-checkpoints", help="Delete all but the last checkpoint.")
    ] = True,
    snapshots: Annotated[
        bool, typer.Option("--snapshots/--no-snapshots", help="Delete all but the last samples and latents.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete old checkpoints and snapshots of runs that are over. This cannot be undone.

    The last checkpoint, with the final weights, is kept. Runs that are not over are never changed.
    """
    store = open_store(ctx)
    rows = chosen_rows(store, state, study, filter)
    if runs:
        named = {api.runs.find_run(store, text).id for text in runs}
        rows = [row for row in rows if row.id in named]
    found = api.disk.unneeded(store, rows, keep_last=keep_last, checkpoints=checkpoints, snapshots=snapshots)
    total = sum(one.bytes for one in found)
    what = f"{format_bytes(total)} of {len(found)} run{'s' * (len(found) != 1)}"
    if found and not dry_run and not yes:
        if not sys.stdin.isatty():
            raise WorkbenchError(f"Cannot ask before deleting {what}.", "Give --yes, or --dry-run.")
        if not typer.confirm(f"Delete {what}? This cannot be undone.", err=True):
            talk("Nothing was deleted.")
            return
    freed = total if dry_run else api.disk.free(store, found)
    parts = [{"id": one.run.id, "files": len(one.files), "bytes": one.bytes} for one in found]
    if json:
        out_json({"dry_run": dry_run, "bytes": freed, "runs": parts})
    elif found:
        lines = [(one.run.id, len(one.files), format_bytes(one.bytes)) for one in found]
        out_table(("RUN", "FILES", "DISK"), lines)
    talk(f"Would free {what}." if dry_run else f"Freed {format_bytes(freed)}.")
