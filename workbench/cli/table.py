"""`workbench table`: a comparison table of one's own, laid out by options and saved under a name."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench import api
from workbench.cli import complete
from workbench.cli.export import Format, Output, Siunitx, chosen_format, write_table
from workbench.cli.options import Json, Overwrite, open_store
from workbench.cli.output import talk
from workbench.errors import WorkbenchError

LISTS = "Repeatable, or a list with commas."


def table(
    ctx: typer.Context,
    rows: Annotated[
        list[str] | None,
        typer.Option("--rows", metavar="KEY", help=f"Rows by model, data, preset, or a setting. {LISTS}"),
    ] = None,
    columns: Annotated[
        str, typer.Option("--columns", metavar="KEY", help="One column per value of this field or setting.")
    ] = "",
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", metavar="METRIC", help=f"Show this metric. {LISTS}", autocompletion=complete.metrics
        ),
    ] = None,
    where: Annotated[
        str,
        typer.Option("--where", metavar="FILTER", help="Only these runs: 'model:lae epochs>=10'."),
    ] = "",
    baseline: Annotated[
        str, typer.Option("--baseline", metavar="ROW", help="Add differences from this row: vae, or lr=0.1.")
    ] = "",
    sort: Annotated[
        str, typer.Option("--sort", metavar="KEY", help="Sort by a metric or a row's key; -KEY descending.")
    ] = "",
    spread: Annotated[
        str, typer.Option("--spread", help="std, interval (95 %), or range (median, least, largest).")
    ] = "std",
    digits: Annotated[int | None, typer.Option("--digits", help="Decimals of every number.")] = None,
    caption: Annotated[str, typer.Option("--caption", help="Title of the table.")] = "",
    label: Annotated[str, typer.Option("--label", help="Label for \\ref in LaTeX.")] = "",
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="KEY=TEXT", help="Show a model, value or metric under another name."),
    ] = None,
    save: Annotated[
        str,
        typer.Option("--save", metavar="NAME", help="Save in presets/studies, for `export NAME`."),
    ] = "",
    format: Format = None,
    output: Output = None,
    siunitx: Siunitx = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Make a comparison table of your own.

    Choose rows, columns, metrics and a baseline.

    A row never mixes runs of different settings: it is split by the settings in which they differ.
    """
    format = "json" if json else chosen_format(format, output)
    names = dict(text.partition("=")[::2] for text in name or ())
    if not all(key and text for key, text in names.items()):
        raise WorkbenchError("--name: not of the form KEY=TEXT.", "Example: --name vae='VAE (ours)'.")
    layout = api.tables.Layout(
        rows=_split(rows),
        columns=columns,
        metrics=_split(metric),
        filter=where,
        baseline=baseline,
        sort=sort,
        spread=spread,  # type: ignore[arg-type]  # checked by Layout
        digits=digits,
        caption=caption,
        label=label,
        names=names,
    )
    made = api.tables.arranged(open_store(ctx), layout)
    if save:
        talk(f"Saved: {api.tables.save_layout(layout, save, overwrite=overwrite)}")
    write_table(made, format, output, siunitx=siunitx, overwrite=overwrite)


def _split(texts: list[str] | None) -> tuple[str, ...]:
    return tuple(part.strip() for text in texts or () for part in text.split(",") if part.strip())
