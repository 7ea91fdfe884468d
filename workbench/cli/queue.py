"""`workbench queue`: put runs in, look at them, and steer them."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from workbench.cli.options import (
    Grids,
    Json,
    PresetName,
    Priority,
    RunName,
    RunNames,
    Seeds,
    Sets,
    open_store,
)
from workbench.cli.output import out_json, out_table, run_json, span, talk

Verb = Literal["cancel", "pause", "resume", "retry", "priority"]
app = typer.Typer(help="Put runs into the queue, look at it, and steer it.", no_args_is_help=True)


@app.command()
def add(
    ctx: typer.Context,
    preset: PresetName,
    sets: Sets = None,
    grid: Grids = None,
    seeds: Seeds = None,
    priority: Priority = 0,
    json: Json = False,
) -> None:
    """Queue a preset and return at once; the ids go to stdout."""
    from workbench.cli.run import run

    run(ctx, preset, sets, grid, seeds, priority, inline=False, detach=True, json=json)


@app.command("ls")
def list_(ctx: typer.Context, json: Json = False) -> None:
    """List what is queued, running or paused."""
    from workbench.api.queue import why_waiting
    from workbench.api.runs import list_runs

    store = open_store(ctx)
    rows = [row for row in list_runs(store) if row.live]
    if json:
        out_json([run_json(row) for row in rows])
        return
    if not rows:
        talk("The queue is empty. `workbench run vae-digits` starts something.")
        return
    out_table(
        ("RUN", "STATE", "STEP", "ETA", "DEVICE", "SEEDS", "PRIORITY", "REMARK"),
        [
            (
                row.id,
                row.phase if row.state == "running" and row.phase else row.state,
                f"{row.step}/{row.total}" if row.total else "",
                span(row.eta),
                row.device,
                len(row.seeds),
                row.priority,
                " ".join(part for part in (row.reason, row.next) if part),
            )
            for row in rows
        ],
    )
    if remark := why_waiting(store, rows):
        talk(remark)


@app.command()
def pause(ctx: typer.Context, runs: RunNames) -> None:
    """Write a checkpoint and hold the runs until they are resumed."""
    _ask(ctx, runs, "pause")


@app.command()
def resume(ctx: typer.Context, runs: RunNames) -> None:
    """Let paused runs go on from their checkpoint."""
    _ask(ctx, runs, "resume")


@app.command()
def cancel(ctx: typer.Context, runs: RunNames) -> None:
    """End queued or running runs for good; what they have is kept."""
    _ask(ctx, runs, "cancel")


@app.command()
def retry(ctx: typer.Context, runs: RunNames) -> None:
    """Try failed or cancelled runs once more, from their last checkpoint."""
    _ask(ctx, runs, "retry")


@app.command(context_settings={"ignore_unknown_options": True})  # a value such as -5 is no option
def priority(
    ctx: typer.Context,
    run: RunName,
    value: Annotated[
        int, typer.Argument(metavar="N", min=-1000, max=1000, help="Higher starts earlier; 0 is usual.")
    ],
) -> None:
    """Set the priority of a run that waits."""
    _ask(ctx, [run], "priority", value)


def _ask(ctx: typer.Context, runs: list[str], verb: Verb, value: int | None = None) -> None:
    from workbench.api.queue import request_all

    for run_id in request_all(open_store(ctx), runs, verb, value):
        talk(f"{run_id}: {verb} asked for.")
