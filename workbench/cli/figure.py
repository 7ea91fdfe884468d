"""`workbench figure`: a figure for a publication, as a file or in characters."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench import api
from workbench.cli import complete
from workbench.cli.options import Json, Overwrite, TableBudget, global_options, open_store
from workbench.cli.output import out, out_json, out_table, talk
from workbench.cli.pictures import draw_points, print_pictures
from workbench.errors import USAGE, WorkbenchError


def figure(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="STUDY|RUN",
            help="A study (its newest runs), a study id, or a run.",
            autocompletion=complete.tables,
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="What to draw; without it, list the kinds and what the run lacks for them.",
            autocompletion=complete.figures,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file: .pdf, .png or .svg.")
    ] = None,
    format: Annotated[
        str, typer.Option("--format", help="pdf, png or svg; default: extension of --output.")
    ] = "",
    text: Annotated[
        bool, typer.Option("--text", help="Print it in characters, without a file or matplotlib.")
    ] = False,
    over: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="RUN", help="Add another run. Repeatable.", autocompletion=complete.runs
        ),
    ] = None,
    budget: TableBudget = "",
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="TEXT", help="Name of a configuration, in their order. Repeatable."),
    ] = None,
    width: Annotated[
        str,
        typer.Option("--width", help="single (3.3 inches), double (6.8 inches), or a number of inches."),
    ] = "single",
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", help="Metric on the vertical axis. Repeatable.", autocompletion=complete.metrics
        ),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Curves of this split: train or test.")] = "",
    band: Annotated[str, typer.Option("--band", help="Band over seeds: std or range.")] = "std",
    log: Annotated[bool, typer.Option("--log", help="Logarithmic value axis.")] = False,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed shown; default: the first.")] = None,
    step: Annotated[int | None, typer.Option("--step", help="Step of a snapshot; default: the last.")] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Setting of the estimate behind it. Repeatable."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Compute the estimate behind it again.")] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Draw a figure of a study or run for a publication.

    What a run has not stored is computed from its last checkpoint, and kept with its evaluations.
    """
    store = open_store(ctx)
    groups = api.figures.groups_of(store, what, over or (), budget)
    if kind is None:
        kinds = api.figures.kinds_of(store, groups)
        if json:
            out_json([{"kind": k.name, "about": k.about, "lacks": lack} for k, lack in kinds])
        else:
            out_table(("KIND", "SHOWS", "LACKS"), [(k.name, k.about, lack) for k, lack in kinds])
        return
    chosen = api.figures.find_kind(kind)
    if band not in ("std", "range"):
        raise WorkbenchError(f"Invalid value '{band}' for --band.", "Take std or range.")
    if not text:
        if output is None:
            raise WorkbenchError(
                "Cannot draw a figure: no file given.", "Add --output FILE.pdf, or --text.", USAGE
            )
        api.figures.form_of(output, format)  # before anything is computed
    elif not chosen.text:
        known = ", ".join(name for name, found in api.figures.KINDS.items() if found.text)
        raise WorkbenchError(f"Cannot print '{chosen.name}' in characters.", f"These can be: {known}.")
    options = api.figures.Options(
        api.figures.width_of(width), tuple(metric or ()), split, seed, step, log, band
    )
    subjects, notes = api.figures.collect(
        store, groups, chosen, options, labels=label or (), sets=sets or (), again=again, on_line=talk
    )
    for note in notes:
        talk(note)
    if text:
        for subject in subjects:
            _print(store, chosen, subject, options, global_options(ctx).get("ascii", False))
    elif output is not None:
        api.figures.write_figure(chosen, subjects, options, output, form=format, overwrite=overwrite)
        talk(f"Written: {output}")


def _print(store: api.stores.Store, kind: api.figures.Kind, subject: Any, options: Any, ascii: bool) -> None:
    """Print a subject in characters, as the pane of that kind of figure draws it."""
    if kind.text == "curve":
        width = max(30, shutil.get_terminal_size((80, 24)).columns)
        for metric in options.metrics or api.figures.usual_metrics([subject]):
            picture = api.plots.plot_text(
                store, subject.shown.id, metric, width=width, ascii=ascii, log=options.log
            )
            out(picture.rstrip())
        return
    out(f"{subject.label}, seed {subject.seed}", one_line=True)
    found: Any = subject.arrays
    if kind.source != "estimate":
        snapshot = (subject.latents if kind.source == "latents" else subject.samples)(options.step)
        found = {name: value for name, value in vars(snapshot).items() if value is not None}
        found["points"] = found.pop("z", found.get("points"))
    if "images" in found:
        print_pictures(_in_order(kind, found["images"][subject.place], found["data"]), ascii)
    else:
        points = found["points"][subject.place].reshape(-1, found["points"].shape[-1])
        out(draw_points(points, found.get("labels", points[:, 0] * 0), ascii))


def _in_order(kind: api.figures.Kind, images: Any, data: Any) -> Any:
    """Return pictures [n, …] as they are printed: originals before, or around, what was made of them."""
    import numpy as np  # `workbench --help` needs none

    if kind.name == "reconstructions":
        images = np.stack([data, images], 1)
    elif kind.name == "interpolations":
        images = np.concatenate([data[:, :1], images, data[:, 1:]], 1)
    else:
        return images
    return images.reshape(-1, *images.shape[2:])
