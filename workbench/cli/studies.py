"""`workbench studies`: presets that belong in one table."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench import api
from workbench.cli import complete
from workbench.cli.follow import follow, print_queued
from workbench.cli.options import Detach, Json, Priority, Seeds, Sets, open_store
from workbench.cli.output import out_json, out_table, talk

app = typer.Typer(help="List and run studies.", no_args_is_help=True)


@app.command("ls")
def list_(json: Json = False) -> None:
    """List all studies."""
    studies = api.studies.list_studies()
    if json:
        out_json(studies)
        return
    out_table(
        ("STUDY", "TITLE", "PRESETS"),
        [(study.name, study.title, ", ".join(study.presets)) for study in studies],
    )
    for study in studies:
        if study.error:
            talk(f"invalid: {study.error}")


@app.command()
def run(
    ctx: typer.Context,
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="Study name.", autocompletion=complete.studies)
    ],
    sets: Sets = None,
    seeds: Seeds = None,
    priority: Priority = 0,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Queue all presets of a study and follow them; `workbench export STUDY` then makes its table."""
    found = api.studies.study_specs(api.studies.find_study(study), sets or (), seeds)
    api.queue.check_specs(spec for _, spec in found)  # a fault must show before a store is made
    store = open_store(ctx, create=True)
    ids = api.studies.submit_study(store, study, overrides=sets or (), seeds=seeds, priority=priority)
    if detach:
        print_queued(ids, json)
    else:
        raise typer.Exit(follow(store, ids, json))
