"""`workbench evaluate`: estimates that are computed on a run after its end."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench import api
from workbench.cli import complete
from workbench.cli.options import RUN_HELP, Json, open_store
from workbench.cli.output import out, out_json, out_table, talk
from workbench.errors import WorkbenchError


def evaluate(
    ctx: typer.Context,
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help=RUN_HELP, autocompletion=complete.runs)
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="Metric to estimate.", autocompletion=complete.estimates),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. chains=16. Repeatable."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Store the result under this name, beside earlier ones."),
    ] = None,
    json: Json = False,
) -> None:
    """Evaluate a finished run. Without arguments, list the available metrics.

    The result is stored under evaluations/ in the run; `runs show` and `export --metric` include it.
    """
    known = api.evaluations.estimates()
    if metric is None:
        if run is not None or sets or name:
            raise WorkbenchError(
                "Cannot evaluate: no metric given.", f"Choose one with --metric: {', '.join(known)}."
            )
        settings = {name: kind.model_fields.items() for name, kind in known.items()}
        if json:
            items = {
                name: {k: {"default": v.default, "description": v.description} for k, v in fields}
                for name, fields in settings.items()
            }
            out_json({name: {"about": known[name].about, "settings": items[name]} for name in known})
            return
        texts = {name: " ".join(f"{k}={v.default}" for k, v in fields) for name, fields in settings.items()}
        out_table(
            ("METRIC", "DESCRIPTION", "SETTINGS"), [(name, known[name].about, texts[name]) for name in known]
        )
        return
    if run is None:
        raise WorkbenchError("Cannot evaluate: no run given.", "`workbench runs ls` lists the runs.")
    found = api.evaluations.evaluate(open_store(ctx), run, metric, sets or (), name=name, on_line=talk)
    if json:
        out_json(found)
        return
    for line in api.evaluations.evaluation_lines(found):
        out(line, one_line=True)
