"""`workbench runs`: look at runs, annotate them, remove them and bring them back."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import complete
from workbench.cli.options import Json, RunName, RunNames, open_store
from workbench.cli.output import ago, out, out_json, out_table, run_json, span, talk

app = typer.Typer(help="Look at runs, annotate, remove and restore them.", no_args_is_help=True)


@app.command("ls")
def list_(
    ctx: typer.Context,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help="Only runs in this state. Repeatable.", autocompletion=complete.states),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option("--study", help="Only runs of this study, or study id.", autocompletion=complete.ran),
    ] = None,
    filter: Annotated[
        str, typer.Option("--filter", metavar="TEXT", help="As in the screens: 'model:lae test_mse<0.03'.")
    ] = "",
    sort: Annotated[
        str | None, typer.Option("--sort", metavar="KEY", help="By a field or a final metric, e.g. test_mse.")
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = False,
    json: Json = False,
) -> None:
    """List runs, newest first."""
    from workbench.api.runs import STATES, list_runs, study_runs
    from workbench.errors import WorkbenchError, did_you_mean

    for word in state or ():
        if word not in STATES:
            hint = did_you_mean(word[:80], STATES) or f"States: {', '.join(STATES)}."
            raise WorkbenchError(f"There is no state '{word[:80]}'.", hint)
    from workbench.results.query import filter_rows, sort_rows

    store = open_store(ctx)
    rows = list_runs(store) if study is None else study_runs(store, study)
    rows = filter_rows([row for row in rows if not state or row.state in state], filter)
    if sort is not None:
        rows = sort_rows(rows, sort, reverse=reverse)
    elif reverse:
        rows.reverse()
    if json:
        out_json([run_json(row) for row in rows])
        return
    if not rows:
        narrowed = bool(state or study or filter)
        talk("No run fits." if narrowed else "No runs here. `workbench run vae-digits` starts one.")
        return
    out_table(
        ("RUN", "STATE", "FAMILY", "DATA", "SEEDS", "STEP", "TOOK", "CREATED", "NOTE"),
        [
            (
                row.id,
                row.state,
                row.kind,
                row.data,
                len(row.seeds),
                row.step or "",
                span(row.ended - row.started) if row.ended and row.started else "",
                ago(row.created),
                row.note,
            )
            for row in rows
        ],
    )


@app.command()
def show(ctx: typer.Context, run: RunName, json: Json = False) -> None:
    """Show one run: state, progress, results, evaluations, and its full configuration."""
    from workbench.api.evaluations import list_evaluations, results_of
    from workbench.api.runs import find_run, spec_of, spec_text
    from workbench.cli.evaluate import evaluation_lines
    from workbench.cli.metric_lines import result_lines

    store = open_store(ctx)
    row = find_run(store, run)
    evaluations = list_evaluations(store, row.id)
    folder = store.root / row.id
    if json:
        spec = spec_of(store, row.id).model_dump(mode="json", exclude_none=True)
        more = {
            "folder": folder,
            "spec": spec,
            "results": results_of(store, row.id),
            "evaluations": evaluations,
        }
        out_json({**run_json(row), **more})
        return
    facts = {
        "run": row.id,
        "folder": folder,
        "state": " ".join(part for part in (row.state, row.reason, row.next) if part),
        "preset": row.preset,
        "study": row.study_id,
        "seeds": ", ".join(map(str, row.seeds)),
        "device": row.device,
        "step": f"{row.step} of {row.total}" if row.total else "",
        "ETA": span(row.eta),
        "attempt": row.attempt,
        "created": ago(row.created),
        "tags": ", ".join(row.tags),
        "note": row.note,
    }
    for name, value in facts.items():
        if value:
            out(f"{name:<9}{value}")
    for line in result_lines(store, row):
        out(line)
    for found in evaluations:
        for line in evaluation_lines(found):
            out(line)
    out()
    out(spec_text(store, row.id).rstrip())


@app.command()
def diff(
    ctx: typer.Context,
    runs: RunNames,
    format: Annotated[str, typer.Option("--format", help="csv, md, latex or json.")] = "md",
    json: Json = False,
) -> None:
    """Show the settings that differ between runs: a line for each, a column per run."""
    from workbench.api.runs import find_run
    from workbench.api.tables import differing, export_text
    from workbench.errors import WorkbenchError

    store = open_store(ctx)
    ids = list(dict.fromkeys(find_run(store, text).id for text in runs))
    if len(ids) < 2:
        raise WorkbenchError("One run differs from nothing.", "Name two or more.")
    out(export_text(differing(store, ids), "json" if json else format).rstrip())


@app.command()
def log(
    ctx: typer.Context,
    run: RunName,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="How many.")] = 50,
) -> None:
    """Print the last lines of a run's log."""
    from workbench.api.live import LiveRun
    from workbench.api.runs import find_run

    store = open_store(ctx)
    live = LiveRun(store, find_run(store, run).id)
    live.poll()
    for line in live.log_lines(lines):
        out(line)


@app.command()
def rm(ctx: typer.Context, runs: RunNames, json: Json = False) -> None:
    """Move runs into the store's trash; prints the word that brings them back."""
    from workbench.api.runs import find_run, remove_runs

    store = open_store(ctx)
    ids = [find_run(store, text).id for text in runs]
    token = remove_runs(store, ids)
    if json:
        out_json({"removed": ids, "token": token})
        return
    out(token)
    talk(f"Removed {len(ids)} run{'s' if len(ids) > 1 else ''}. Undo: workbench runs restore {token}")


@app.command()
def restore(
    ctx: typer.Context,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="What `runs rm` printed.")],
    json: Json = False,
) -> None:
    """Bring removed runs back."""
    from workbench.api.runs import restore_runs

    ids = restore_runs(open_store(ctx), token)
    if json:
        out_json({"restored": ids})
        return
    for run_id in ids:
        out(run_id)


@app.command()
def note(
    ctx: typer.Context,
    run: RunName,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="The note; empty removes it.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Set the run's tags. Repeatable.")] = None,
) -> None:
    """Write a note or tags to a run; without either, print what is there."""
    from workbench.api.runs import annotate, find_run

    store = open_store(ctx)
    row = find_run(store, run)
    if text is None and tag is None:
        out(row.note)
        return
    annotate(store, row.id, note=text, tags=tag)
    talk(f"{row.id}: noted.")
