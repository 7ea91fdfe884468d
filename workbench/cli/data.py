"""`workbench data`: data sets and own files: list them, show what they hold, check them."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench import api
from workbench.cli.options import Json, Sets, global_options
from workbench.cli.output import out, out_json, out_table, plain, talk
from workbench.cli.pictures import draw_points, print_pictures
from workbench.text import format_bytes

app = typer.Typer(help="List, show and check data sets and your own files.", no_args_is_help=True)
SIGNS = {"ok": "ok", "warning": "WARN", "missing": "FAIL"}
Target = Annotated[
    str, typer.Argument(metavar="DATA", help="Name of a data set, or a file or folder of your own.")
]


@app.command("ls")
def list_(json: Json = False) -> None:
    """List the known data sets, and which are here.

    Their files are checked.
    """
    sets = api.data.list_sets()
    if json:
        out_json(sets)
        return
    out_table(("", "DATA", "FOUND"), [(SIGNS[item.state], item.name, item.found) for item in sets])
    for item in sets:
        if item.fix:
            talk(f"{item.name}: {item.fix}")


@app.command()
def show(
    ctx: typer.Context,
    data: Target,
    sets: Sets = None,
    preview: Annotated[
        bool, typer.Option("--preview/--no-preview", help="Draw the first test examples.")
    ] = True,
    json: Json = False,
) -> None:
    """Show facts about data, and draw examples.

    Shape, kind, range, classes, splits, hash and memory, and test examples.
    """
    report, arrays = api.data.show(data, sets or ())
    if json:
        drawn = {name: array.tolist() for name, array in arrays.items()} if preview else {}
        out_json({**plain(report), "preview": drawn})
        return
    ascii = bool(global_options(ctx).get("ascii", False))
    for name, text in _lines(report):
        out(f"{name:<9}{text.replace('×', 'x') if ascii else text}", one_line=True)
    if preview and "images" in arrays:
        print_pictures(arrays["images"], ascii)
    elif preview:
        out(draw_points(arrays["points"], arrays["labels"], ascii))


@app.command()
def check(data: Target, sets: Sets = None, json: Json = False) -> None:
    """Check data as queueing a run does.

    Prints the settings that a run would get.
    """
    settings = api.data.check(data, sets or ())
    note = api.data.skipped_note(settings)
    if json:
        out_json(settings.model_dump(exclude_defaults=True) | {"note": note})
        return
    out(f"ok: {data}" + (f", hash {settings.hash}" if settings.hash else ""), one_line=True)
    if note:
        talk(note)


def _lines(report: api.data.DataReport) -> list[tuple[str, str]]:
    """Return the facts as (heading, text)."""
    low, high = (f"{value:g}" for value in report.range)
    mapped = "" if report.kind == "points" else ", mapped to 0 to 1"
    kind = "colour" if report.kind == "grey" and len(report.shape) == 3 else report.kind
    lines = [("data", report.name)]
    lines += [("path", report.path)] if report.path else []
    lines += [
        ("hash", report.hash),
        ("kind", kind + (", standardised" if report.standardised else "")),
        ("shape", "×".join(map(str, report.shape))),
        ("range", f"{low} to {high}{mapped}"),
        ("train", f"{report.train} examples"),
        ("test", f"{report.test} examples ({report.test_split})"),
    ]
    sizes = zip(report.classes, report.counts, strict=True)
    counts = ", ".join(f"{name}: {count}" for name, count in sizes)
    lines.append(("classes", f"{len(report.classes)} ({counts})" if report.classes else "none"))
    lines.append(("memory", format_bytes(report.bytes)))
    lines += [("skipped", file) for file in report.skipped]
    return lines + [("note", note) for note in report.notes]
