"""`workbench run`: queue a preset or a run with changes, and follow it to its end."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbench import api
from workbench.cli.follow import follow, follow_inline, print_queued
from workbench.cli.options import (
    After,
    Detach,
    Grids,
    Json,
    Priority,
    Random,
    RandomSeed,
    Seeds,
    Sets,
    SourceName,
    Zips,
    open_store,
)
from workbench.cli.output import talk
from workbench.errors import NOT_FOUND, WorkbenchError


def run(
    ctx: typer.Context,
    preset: SourceName,
    sets: Sets = None,
    grid: Grids = None,
    zipped: Zips = None,
    random: Random = None,
    random_seed: RandomSeed = 0,
    seeds: Seeds = None,
    priority: Priority = 0,
    after: After = None,
    inline: Annotated[
        bool, typer.Option("--inline", help="Train in the foreground, bypassing the queue.")
    ] = False,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Queue a preset or a changed run, and follow it.

    Prints the final metrics.

    Ctrl-C stops following, not the run.
    """
    if inline and detach:
        raise WorkbenchError("--inline and --detach exclude each other.", "Choose one.")
    if inline and after:
        raise WorkbenchError("--inline and --after exclude each other.", "Choose one.")
    source = find_source(ctx, preset)
    specs = api.presets.expand(
        source.preset, sets or (), grid or (), seeds, zipped=zipped or (), draws=random, draw_seed=random_seed
    )
    specs = api.queue.check_specs(specs)  # a fault must show before a store is made
    store = open_store(ctx, create=True)
    notes = [source.note, *api.presets.family_notes(source.preset, (spec.model.kind for spec in specs))]
    if random and len(specs) % random:
        notes.append(f"Draws that came out the same are run once: {len(specs)} runs.")
    for note in filter(None, notes):
        talk(note)
    for note in dict.fromkeys(api.data.skipped_note(spec.data) for spec in specs):
        if note:
            talk(note)
    submission: dict[str, Any] = {
        "preset": source.origin,
        "overrides": [*(sets or ()), *(grid or ()), *(zipped or ())],
        "rerun_of": source.run,
        "priority": priority,
        "after": after or (),
    }
    if inline:
        raise typer.Exit(follow_inline(store, specs, submission, source, json))
    ids = api.queue.submit(store, specs, **submission)
    if detach:
        print_queued(ids, json, source)
        return
    if len(ids) > 1:
        talk(f"{len(ids)} runs queued in {store.root}.")
    raise typer.Exit(follow(store, ids, json, source))


def find_source(ctx: typer.Context, text: str) -> api.sources.Source:
    """Return the preset or the run that `text` names. A store that does not exist yet has no runs."""
    try:
        store = open_store(ctx)
    except WorkbenchError as no_store:
        if no_store.exit_code != NOT_FOUND:
            raise
        store = None
    return api.sources.find_source(store, text)
