"""`workbench plot`: one metric of one run as a plain picture in characters."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from workbench import api
from workbench.cli import complete
from workbench.cli.options import RunName, global_options, open_store
from workbench.cli.output import out


def plot(
    ctx: typer.Context,
    run: RunName,
    metric: Annotated[
        str, typer.Argument(metavar="METRIC", help="Name of a curve.", autocompletion=complete.metrics)
    ],
    over: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="RUN", help="Overlay another run (at most two).", autocompletion=complete.runs
        ),
    ] = None,
    width: Annotated[
        int, typer.Option("--width", min=0, max=1000, help="Columns; 0 fills the terminal.")
    ] = 0,
    height: Annotated[int, typer.Option("--height", min=10, max=1000, help="Lines.")] = 20,
    log: Annotated[bool, typer.Option("--log", help="Logarithmic value axis.")] = False,
    ascii: Annotated[bool, typer.Option("--ascii", help="ASCII characters only.")] = False,
) -> None:
    """Plot a metric of a run, mean over seeds.

    With training and test values.
    """
    store = open_store(ctx)
    picture = api.plots.plot_text(
        store,
        api.runs.find_run(store, run),
        metric,
        width=width or max(30, shutil.get_terminal_size((80, 24)).columns),
        height=height,
        ascii=ascii or global_options(ctx).get("ascii", False),
        log=log,
        others=[api.runs.find_run(store, text) for text in over or ()],
    )
    out(picture.rstrip())
