"""`workbench runs`: list, show, compare, annotate, remove and restore runs."""

from __future__ import annotations

import contextlib
from json import dumps, loads
from typing import Annotated

import typer

from workbench import api
from workbench.cli import prune
from workbench.cli.options import (
    Filter,
    Json,
    RunName,
    RunNames,
    State,
    StudyName,
    chosen_rows,
    open_store,
)
from workbench.cli.output import out, out_json, out_json_list, out_table, run_json, talk
from workbench.errors import WorkbenchError
from workbench.text import ago, format_bytes, format_duration

app = typer.Typer(help="List, show, annotate, remove, restore and prune runs.", no_args_is_help=True)
app.command("prune")(prune.prune)


@app.command("ls")
def list_(
    ctx: typer.Context,
    state: State = None,
    study: StudyName = None,
    filter: Filter = "",
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="KEY", help="Sort by a field or a final metric, e.g. test_mse."),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Reverse the order.")] = False,
    disk: Annotated[bool, typer.Option("--disk", help="Add the disk space of each run.")] = False,
    json: Json = False,
) -> None:
    """List runs, newest first."""
    store = open_store(ctx)
    rows = chosen_rows(store, state, study, filter)
    if sort is not None:
        rows = api.runs.sort_rows(store, rows, sort, reverse=reverse)
    elif reverse:
        rows.reverse()
    sizes = api.disk.usage(store) if disk else {}
    if json:
        out_json_list(run_json(row) | ({"disk": sizes.get(row.id)} if disk else {}) for row in rows)
        return
    if not rows:
        narrowed = bool(state or study or filter)
        talk("No matching runs." if narrowed else "No runs here. `workbench run vae-digits` starts one.")
        return
    size_head = ("DISK",) if disk else ()
    out_table(
        ("RUN", "STATE", "HEALTH", "FAMILY", "DATA", "SEEDS", "STEP", "TOOK", *size_head, "CREATED", "NOTE"),
        [
            (
                row.id,
                row.state,
                api.runs.health_text(row.health),
                row.kind,
                row.data,
                len(row.seeds),
                row.step or "",
                format_duration(row.took),
                *([format_bytes(sizes.get(row.id, 0))] if disk else []),
                ago(row.created),
                row.note,
            )
            for row in rows
        ],
    )
    if disk:
        talk(f"{len(rows)} runs take {format_bytes(sum(sizes.get(row.id, 0) for row in rows))}.")


@app.command()
def show(ctx: typer.Context, run: RunName, json: Json = False) -> None:
    """Show one run: state, results and configuration.

    With its progress and evaluations.
    """
    store = open_store(ctx)
    row = api.runs.find_run(store, run)
    evaluations = api.evaluations.list_evaluations(store, row.id)
    folder = store.root / row.id
    if json:
        spec = api.runs.spec_of(store, row.id).model_dump(mode="json", exclude_none=True)
        more = {
            "folder": folder,
            "spec": spec,
            "initial": api.runs.initial_weights(store, row.id),
            "results": api.evaluations.results_of(store, row.id),
            "evaluations": evaluations,
        }
        out_json({**run_json(row), **more})
        return
    facts = {
        "run": row.id,
        "folder": folder,
        "state": " ".join(part for part in (row.state, row.reason, row.next) if part),
        "health": api.runs.health_text(row.health),
        "preset": row.preset,
        "study": row.study_id,
        "re-run of": row.rerun_of,
        "seeds": ", ".join(map(str, row.seeds)),
        "device": row.device,
        "step": f"{row.step} of {row.total}" if row.total else "",
        "ETA": format_duration(row.eta),
        "attempt": row.attempt,
        "created": ago(row.created),
        "tags": ", ".join(row.tags),
        "note": row.note,
    }
    for name, value in facts.items():
        if value:
            out(f"{name:<10}{value}")
    for line in api.evaluations.result_lines(store, row):
        out(line, one_line=True)
    for line in (line for found in evaluations for line in api.evaluations.evaluation_lines(found)):
        out(line, one_line=True)
    out()
    out(api.runs.spec_text(store, row.id).rstrip())


@app.command()
def diff(
    ctx: typer.Context,
    runs: RunNames,
    format: Annotated[str, typer.Option("--format", help="csv, md, latex or json.")] = "md",
    paired: Annotated[
        bool, typer.Option("--paired", help="Only differences from the first run on the same examples.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what differs between runs.

    Their settings, and metrics on the same test examples.

    With csv or latex, print one table: settings, or with `--paired` differences from the first run.
    """
    store = open_store(ctx)
    ids = list(dict.fromkeys(api.runs.find_run(store, text).id for text in runs))
    if len(ids) < 2:
        raise WorkbenchError("`runs diff` needs at least two runs.")
    format = "json" if json else format
    text = api.tables.export_text(api.tables.differing(store, ids), format)
    if paired or format in ("md", "json"):
        both = api.tables.export_text(api.tables.paired_runs(store, ids), format)
        if paired:
            text = both
        elif format == "md":
            text += "\n" + both
        else:
            text = dumps({**loads(text), "paired": loads(both)}, ensure_ascii=False, indent=1)
    out(text.rstrip())


@app.command()
def log(
    ctx: typer.Context,
    run: RunName,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="Number of lines.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new lines until the run is over.")
    ] = False,
) -> None:
    """Print the last lines of a run's log."""
    store = open_store(ctx)
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            for line in api.runs.follow_log(store, run, lines):
                out(line)
        return
    live = api.live.LiveRun(store, api.runs.find_run(store, run).id)
    live.poll()
    for line in live.log_lines(lines):
        out(line)


@app.command()
def rm(ctx: typer.Context, runs: RunNames, json: Json = False) -> None:
    """Move runs to the store's trash; prints a restore token."""
    store = open_store(ctx)
    ids = [api.runs.find_run(store, text).id for text in runs]
    token = api.runs.remove_runs(store, ids)
    if json:
        out_json({"removed": ids, "token": token})
        return
    out(token)
    talk(f"Removed {len(ids)} run{'s' if len(ids) > 1 else ''}. Undo: workbench runs restore {token}")


@app.command()
def restore(
    ctx: typer.Context,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="The token that `runs rm` printed.")],
    json: Json = False,
) -> None:
    """Restore removed runs from the trash."""
    ids = api.runs.restore_runs(open_store(ctx), token)
    if json:
        out_json({"restored": ids})
        return
    out("\n".join(ids))


@app.command()
def note(
    ctx: typer.Context,
    run: RunName,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="The note; empty removes it.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Set the run's tags. Repeatable.")] = None,
) -> None:
    """Write a note or tags to a run; without either, print the note."""
    store = open_store(ctx)
    row = api.runs.find_run(store, run)
    if text is None and tag is None:
        out(row.note)
        return
    api.runs.annotate(store, row.id, note=text, tags=tag)
    talk(f"{row.id}: saved.")
