"""`workbench queue`: add runs, list them, and change their state."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from workbench import api
from workbench.cli import complete
from workbench.cli import run as running
from workbench.cli.follow import follow
from workbench.cli.options import (
    After,
    Grids,
    Json,
    Priority,
    Random,
    RandomSeed,
    RunName,
    RunNames,
    Seeds,
    Sets,
    SourceName,
    Zips,
    open_store,
)
from workbench.cli.output import out_json_list, out_table, run_json, talk
from workbench.errors import WorkbenchError
from workbench.text import format_duration

Verb = Literal["cancel", "pause", "resume", "retry", "priority"]
SomeRuns = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RUN...]",
        help="Run ids, or unambiguous prefixes or suffixes of them.",
        autocompletion=complete.runs,
    ),
]
All = Annotated[bool, typer.Option("--all", help="All runs that it applies to.")]
app = typer.Typer(help="Manage the run queue.", no_args_is_help=True)


@app.command()
def add(
    ctx: typer.Context,
    preset: SourceName,
    sets: Sets = None,
    grid: Grids = None,
    zipped: Zips = None,
    random: Random = None,
    random_seed: RandomSeed = 0,
    seeds: Seeds = None,
    priority: Priority = 0,
    after: After = None,
    json: Json = False,
) -> None:
    """Queue a preset or a changed run, and return.

    Prints the run ids.
    """
    sweep = (sets, grid, zipped, random, random_seed)
    running.run(ctx, preset, *sweep, seeds, priority, after, inline=False, detach=True, json=json)


@app.command("ls")
def list_(ctx: typer.Context, json: Json = False) -> None:
    """List queued, running and paused runs."""
    store = open_store(ctx)
    rows = api.queue.explained(store, [row for row in api.runs.list_runs(store) if row.live])
    if json:
        out_json_list(run_json(row) for row in rows)
        return
    if not rows:
        talk("The queue is empty. `workbench run vae-digits` starts a run.")
        return
    out_table(
        ("RUN", "STATE", "STEP", "ETA", "DEVICE", "SEEDS", "PRIORITY", "REMARK"),
        [
            (
                row.id,
                row.phase if row.state == "running" and row.phase else row.state,
                f"{row.step}/{row.total}" if row.total else "",
                format_duration(row.eta),
                row.device,
                len(row.seeds),
                row.priority,
                " ".join(part for part in (row.reason, row.next) if part),
            )
            for row in rows
        ],
    )
    if remark := api.queue.why_waiting(store, rows):
        talk(remark)


@app.command()
def wait(
    ctx: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN...]",
            help="Runs to wait for; default: all that wait or run.",
            autocompletion=complete.runs,
        ),
    ] = None,
    study: Annotated[
        str | None, typer.Option("--study", help="Wait for the runs of this study, or study id.")
    ] = None,
    json: Json = False,
) -> None:
    """Wait until runs are over, and print their results.

    The exit code is 0 if all finished.

    A paused run ends the waiting once no other run waits or trains.
    """
    store = open_store(ctx)
    if study is not None:
        ids = [row.id for row in api.runs.study_runs(store, study, newest=True)[::-1]]
    elif runs:
        ids = list(dict.fromkeys(api.runs.find_run(store, text).id for text in runs))
    else:
        ids = [row.id for row in api.runs.list_runs(store)[::-1] if row.live]
    if not ids:
        talk("Nothing waits or runs.")
        return
    raise typer.Exit(follow(store, ids, json, paused_ends=True))


@app.command()
def pause(ctx: typer.Context, runs: SomeRuns = None, all: All = False) -> None:
    """Pause runs, after a checkpoint, until they are resumed."""
    _request(ctx, _chosen(ctx, runs, "pause", all), "pause")


@app.command()
def resume(ctx: typer.Context, runs: SomeRuns = None, all: All = False) -> None:
    """Resume paused runs from their checkpoint."""
    _request(ctx, _chosen(ctx, runs, "resume", all), "resume")


@app.command()
def cancel(ctx: typer.Context, runs: RunNames) -> None:
    """Cancel queued, running or paused runs; their files are kept."""
    _request(ctx, runs, "cancel")


@app.command()
def retry(ctx: typer.Context, runs: RunNames) -> None:
    """Retry failed or cancelled runs from their last checkpoint."""
    _request(ctx, runs, "retry")


@app.command(context_settings={"ignore_unknown_options": True})  # a value such as -5 is no option
def priority(
    ctx: typer.Context,
    run: RunName,
    value: Annotated[
        int, typer.Argument(metavar="N", min=-1000, max=1000, help="Higher starts earlier; default: 0.")
    ],
) -> None:
    """Set the priority of a waiting run."""
    _request(ctx, [run], "priority", value)


@app.command()
def move(
    ctx: typer.Context,
    run: RunName,
    before: Annotated[
        str,
        typer.Option(
            "--before", metavar="RUN", help="Move it before this run.", autocompletion=complete.runs
        ),
    ] = "",
    last: Annotated[bool, typer.Option("--last", help="Move it to the end.")] = False,
) -> None:
    """Move a waiting run within the queue.

    To the front, before another one, or to the end.

    It takes the priority of its new neighbour.
    """
    if before and last:
        raise WorkbenchError("--before and --last exclude each other.", "Choose one.")
    api.queue.move(open_store(ctx), run, before=before, last=last)
    talk(f"{run}: move requested.")


def _chosen(ctx: typer.Context, runs: list[str] | None, verb: Verb, all: bool) -> list[str]:
    """Return the runs of the arguments, or with --all those that allow the request."""
    if bool(runs) == all:
        raise WorkbenchError(f"queue {verb}: give runs, or --all.", f"See `workbench queue {verb} --help`.")
    if runs:
        return runs
    return [row.id for row in api.runs.list_runs(open_store(ctx)) if row.allows(verb)]


def _request(ctx: typer.Context, runs: list[str], verb: Verb, value: int | None = None) -> None:
    """Send the request to all runs that allow it; report the others, and exit with the code of the first."""
    if not runs:
        talk(f"There is no run to {verb}.")
        return
    store = open_store(ctx)
    done, refused = api.queue.request_all(store, runs, verb, value)
    for run_id in done:
        talk(f"{run_id}: {verb} requested.")
    if remark := api.queue.not_taken_up(store, done):
        talk(remark)
    for error in refused:
        talk(str(error))
    if refused:
        raise typer.Exit(refused[0].exit_code)
