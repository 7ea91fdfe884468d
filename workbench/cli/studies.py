"""`workbench studies`: presets that belong into one table."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import complete
from workbench.cli.options import Json, Priority, Seeds, Sets, open_store
from workbench.cli.output import out_json, out_table, talk

app = typer.Typer(help="List studies and run them.", no_args_is_help=True)
StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="Study name.", autocompletion=complete.studies)
]


@app.command("ls")
def list_(json: Json = False) -> None:
    """List all studies."""
    from workbench.api.studies import list_studies

    studies = list_studies()
    if json:
        out_json(studies)
        return
    out_table(
        ("STUDY", "TITLE", "PRESETS"),
        [(study.name, study.title, ", ".join(study.presets)) for study in studies],
    )
    for study in studies:
        if study.error:
            talk(f"unusable: {study.error}")


@app.command()
def run(
    ctx: typer.Context,
    study: StudyName,
    sets: Sets = None,
    seeds: Seeds = None,
    priority: Priority = 0,
    detach: Annotated[bool, typer.Option("--detach", help="Queue only, do not wait.")] = False,
    json: Json = False,
) -> None:
    """Queue all presets of a study and follow them; `workbench export STUDY` then makes its table."""
    from workbench.api.queue import check_specs
    from workbench.api.studies import find_study, study_specs, submit_study
    from workbench.cli.follow import follow, print_queued

    found = study_specs(find_study(study), sets or (), seeds)
    check_specs(spec for _, spec in found)  # a fault must show before a store is made
    store = open_store(ctx, create=True)
    ids = submit_study(store, study, overrides=sets or (), seeds=seeds, priority=priority)
    if detach:
        print_queued(ids, json)
    else:
        raise typer.Exit(follow(store, ids, json))
