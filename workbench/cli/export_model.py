"""`workbench export-model`: write a trained model as safetensors and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench import api
from workbench.cli.options import Json, RunName, open_store
from workbench.cli.output import out, out_json


def export_model(
    ctx: typer.Context,
    run: RunName,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="New folder; default: RUN-model."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a model as safetensors and JSON.

    The weights are safetensors, the architecture is JSON. Prints the folder.
    """
    store = open_store(ctx)
    row = api.runs.find_run(store, run)
    folder = api.models.export_model(store, row.id, output or Path(f"{row.id}-model"))
    if json:
        out_json({"run": row.id, "folder": folder, "files": [api.models.DESCRIPTION, api.models.WEIGHTS]})
        return
    out(str(folder), one_line=True)
