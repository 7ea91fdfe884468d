"""`workbench run`: queue a preset with changes, and follow it to its end."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench import api
from workbench.cli.follow import follow, follow_inline, print_queued
from workbench.cli.options import Detach, Grids, Json, PresetName, Priority, Seeds, Sets, open_store
from workbench.cli.output import talk
from workbench.errors import WorkbenchError


def run(
    ctx: typer.Context,
    preset: PresetName,
    sets: Sets = None,
    grid: Grids = None,
    seeds: Seeds = None,
    priority: Priority = 0,
    inline: Annotated[
        bool, typer.Option("--inline", help="Train in the foreground, bypassing the queue.")
    ] = False,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Queue a preset and follow it; print the final metrics. Ctrl-C stops following, not the run."""
    if inline and detach:
        raise WorkbenchError("--inline and --detach exclude each other.", "Choose one.")
    found = api.presets.find_preset(preset)
    specs = api.presets.expand(found, sets or (), grid or (), seeds)
    specs = api.queue.check_specs(specs)  # a fault must show before a store is made
    store = open_store(ctx, create=True)
    for note in api.presets.family_notes(found, (spec.model.kind for spec in specs)):
        talk(note)
    for note in dict.fromkeys(api.data.skipped_note(spec.data) for spec in specs):
        if note:
            talk(note)
    if inline:
        raise typer.Exit(follow_inline(store, specs, preset, sets or [], json))
    overrides = [*(sets or ()), *(grid or ())]
    ids = api.queue.submit(store, specs, preset=preset, overrides=overrides, priority=priority)
    if detach:
        print_queued(ids, json)
        return
    if len(ids) > 1:
        talk(f"{len(ids)} runs queued in {store.root}.")
    raise typer.Exit(follow(store, ids, json))
