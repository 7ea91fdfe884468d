"""`workbench run`: queue a preset with changes, and follow it to its end."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import Grids, Json, PresetName, Priority, Seeds, Sets, open_store
from workbench.cli.output import talk


def run(
    ctx: typer.Context,
    preset: PresetName,
    sets: Sets = None,
    grid: Grids = None,
    seeds: Seeds = None,
    priority: Priority = 0,
    inline: Annotated[
        bool, typer.Option("--inline", help="Train here, in the foreground, past the queue.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Queue only, do not wait.")] = False,
    json: Json = False,
) -> None:
    """Queue a preset and follow it; final metrics go to stdout. Ctrl-C stops following, not the run."""
    from workbench.api.presets import expand, family_notes, find_preset
    from workbench.api.queue import check_specs, submit
    from workbench.cli.follow import follow, follow_inline, print_queued
    from workbench.errors import WorkbenchError

    if inline and detach:
        raise WorkbenchError("--inline and --detach exclude each other.", "Choose one.")
    found = find_preset(preset)
    specs = expand(found, sets or (), grid or (), seeds)
    check_specs(specs)  # a fault must show before a store is made
    store = open_store(ctx, create=True)
    for note in family_notes(found, (spec.model.kind for spec in specs)):
        talk(note)
    if inline:
        raise typer.Exit(follow_inline(store, specs, preset, sets or [], json))
    ids = submit(store, specs, preset=preset, overrides=[*(sets or ()), *(grid or ())], priority=priority)
    if detach:
        print_queued(ids, json)
        return
    if len(ids) > 1:
        talk(f"{len(ids)} runs queued in {store.root}.")
    raise typer.Exit(follow(store, ids, json))
