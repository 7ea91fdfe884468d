"""`workbench studies`: the runs that belong in one table."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from workbench import api
from workbench.cli import complete
from workbench.cli.follow import report, watch
from workbench.cli.options import Detach, Json, Priority, Seeds, Sets, open_store
from workbench.cli.output import out, out_json, out_table, talk
from workbench.errors import NOT_FOUND, WorkbenchError
from workbench.text import format_duration, plural

if TYPE_CHECKING:
    from workbench.spec.schema import RunSpec

app = typer.Typer(help="List, plan and run studies.", no_args_is_help=True)

StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="Study name.", autocompletion=complete.studies)
]
BudgetName = Annotated[
    str,
    typer.Option(
        "--budget", help="quick, standard or paper; default: the cheapest.", autocompletion=complete.budgets
    ),
]


@app.command("ls")
def list_(json: Json = False) -> None:
    """List all studies."""
    studies = api.studies.list_studies()
    if json:
        out_json(studies)
        return
    out_table(
        ("STUDY", "TITLE", "BUDGETS", "PRESETS"),
        [(s.name, s.title, ", ".join(s.budgets), ", ".join(s.presets)) for s in studies],
    )
    for study in studies:
        if study.error:
            talk(f"invalid: {study.error}")


@app.command()
def show(ctx: typer.Context, study: StudyName, budget: BudgetName = "", json: Json = False) -> None:
    """Show the runs that a study needs.

    Their seeds, steps and forecast time, and how far each is.
    """
    found = api.studies.find_study(study)
    budget = budget or next(iter(found.budgets), "")
    lines = api.studies.forecast_plan(_store_or_none(ctx), found, budget)
    if json:
        out_json({"study": found.name, "budget": budget, "runs": [line.document() for line in lines]})
        return
    out(f"{found.title}{f' · budget {budget}' if budget else ''}", one_line=True)
    out_table(
        ("RUN", "PRESET", "CHANGES", "SEEDS", "STEPS", "FORECAST", "STATE"),
        [
            (
                line.run.label,
                line.run.preset,
                ", ".join(line.run.changes),
                len(line.run.spec.seeds),
                line.run.steps or "unknown",
                "unknown" if line.seconds is None else format_duration(line.seconds),
                line.state,
            )
            for line in lines
        ],
    )
    known = [line.seconds for line in lines if line.seconds is not None]
    lacking = len(lines) - len(known)
    total = f"{format_duration(sum(known))} of computing time on one core" if known else "unknown"
    rest = f", and {plural(lacking, 'run')} of unknown length" if lacking and known else ""
    talk(f"{plural(len(lines), 'run')} · forecast {total}{rest}.")
    others = [name for name in found.budgets if name != budget]
    if others:
        talk(f"Other budgets: {', '.join(others)} (--budget).")


@app.command()
def run(
    ctx: typer.Context,
    study: StudyName,
    budget: BudgetName = "",
    sets: Sets = None,
    seeds: Seeds = None,
    priority: Priority = 0,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Queue the missing runs of a study, and follow them.

    `export STUDY` then makes its table.

    Runs that are in the store already count, whichever command queued them.
    """
    found = api.studies.find_study(study)
    budget = budget or next(iter(found.budgets), "")
    _must_be_possible([run.spec for run in api.studies.plan(found, budget, sets or (), seeds)])
    store = open_store(ctx, create=True)
    ids: list[str] = []
    while True:
        made = api.studies.submit_study(
            store, study, overrides=sets or (), seeds=seeds, priority=priority, budget=budget
        )
        _explain(made)
        if detach:
            if json:
                out_json(asdict(made))
            elif made.queued:
                out("\n".join(made.queued))
            return
        now = api.studies.progress(store, found, budget, overrides=sets or (), seeds=seeds)
        live = [row.id for one in now.runs for row in one.rows if row.live]
        new = [run_id for run_id in dict.fromkeys([*made.queued, *live]) if run_id not in ids]
        ids += new
        rows = watch(store, ids)
        if rows is None:
            raise typer.Exit(130)
        if not new or not made.waiting:
            break
    raise typer.Exit(report(store, rows, len(ids), json))


def _must_be_possible(specs: list[RunSpec]) -> None:
    """Check the runs before a store is made for them: a fault of all of them is a fault of the study."""
    fault: WorkbenchError | None = None
    for spec in specs:
        try:
            api.queue.check_specs([spec])
            return
        except WorkbenchError as error:
            if error.exit_code not in api.studies.ABSENT:
                raise
            fault = error
    if fault is not None:
        raise fault


def _explain(made: api.studies.Submission) -> None:
    """Say on stderr what was queued, what was there, and what was left out."""
    at = f" at budget {made.budget}" if made.budget else ""
    what = f"Queued {plural(len(made.queued), 'run')}" if made.queued else "Nothing to queue"
    talk(f"{what} of {made.study}{at}; seeds in the store before: {made.before}.")
    for source in dict.fromkeys(made.waiting.values()):
        labels = [label for label, needed in made.waiting.items() if needed == source]
        talk(f"Waiting for the run of {source}: {', '.join(labels)}. After it, run this command again.")
    for why in dict.fromkeys(made.unavailable.values()):
        labels = [label for label, reason in made.unavailable.items() if reason == why]
        talk(f"Left out: {', '.join(labels)}. {why}")


def _store_or_none(ctx: typer.Context) -> api.stores.Store | None:
    """Return the store, None where there is none yet."""
    try:
        return open_store(ctx)
    except WorkbenchError as error:
        if error.exit_code != NOT_FOUND:
            raise
        return None
