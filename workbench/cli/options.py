"""Options that several verbs share, and the store they work on."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbench import api
from workbench.cli import complete
from workbench.errors import WorkbenchError, did_you_mean

RUN_HELP = "Run id, or an unambiguous prefix or suffix of it."
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
PresetName = Annotated[
    str,
    typer.Argument(metavar="PRESET", help="Preset name, or a .toml file.", autocompletion=complete.presets),
]
SourceName = Annotated[
    str,
    typer.Argument(
        metavar="PRESET",
        help="Preset name, a .toml file (the spec.toml of a run too), or a run id to repeat that run.",
        autocompletion=complete.sources,
    ),
]
RunName = Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP, autocompletion=complete.runs)]
RunNames = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="Run ids, or unambiguous prefixes or suffixes of them.",
        autocompletion=complete.runs,
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting, e.g. training.lr=1e-4; with --random, a distribution. Repeatable.",
        autocompletion=complete.settings,
    ),
]
Grids = Annotated[
    list[str] | None,
    typer.Option(
        "--grid",
        metavar="KEY=A,B,C",
        help="One run per value; several --grid options form a Cartesian product.",
        autocompletion=complete.settings,
    ),
]
Zips = Annotated[
    list[str] | None,
    typer.Option(
        "--zip",
        metavar="KEY=A,B,C",
        help="As --grid, but several --zip options are paired value by value.",
        autocompletion=complete.settings,
    ),
]
Random = Annotated[
    int | None,
    typer.Option(
        "--random",
        metavar="N",
        min=1,
        help="Draw N values of each --set KEY=loguniform(A,B), uniform(A,B), randint(A,B) or choice(A,B,…).",
    ),
]
RandomSeed = Annotated[int, typer.Option("--random-seed", metavar="SEED", help="Seed of --random.")]
State = Annotated[
    list[str] | None,
    typer.Option("--state", help="Only runs in this state. Repeatable.", autocompletion=complete.states),
]
StudyName = Annotated[
    str | None,
    typer.Option(
        "--study", help="Only runs of this study, or study id.", autocompletion=complete.queued_studies
    ),
]
Filter = Annotated[
    str,
    typer.Option("--filter", metavar="TEXT", help="Filter as in the screens: 'model:lae test_mse<0.03'."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]
TableBudget = Annotated[
    str,
    typer.Option(
        "--budget",
        help="Of a study: quick, standard or paper; default: the one with most runs here.",
        autocompletion=complete.budgets,
    ),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="SEEDS", help="A count (3 means 0,1,2) or a list (0,7,9).")
]
Priority = Annotated[int, typer.Option("--priority", min=-1000, max=1000, help="Higher starts earlier.")]
After = Annotated[
    list[str] | None,
    typer.Option(
        "--after",
        metavar="RUN",
        help="Start only when this run has finished; cancelled if it fails or is cancelled. Repeatable.",
        autocompletion=complete.runs,
    ),
]
Detach = Annotated[bool, typer.Option("--detach", help="Queue only, do not follow.")]


def global_options(ctx: typer.Context) -> dict[str, Any]:
    """Return the options before the verb: `store` (a path or None) and `ascii`."""
    options: dict[str, Any] = ctx.find_root().obj or {}
    return options


def chosen_rows(
    store: api.stores.Store, state: list[str] | None, study: str | None, filter: str
) -> list[api.runs.RunRow]:
    """Return the runs that --state, --study and --filter let through, newest first."""
    for word in state or ():
        if word not in api.runs.STATES:
            hint = did_you_mean(word, api.runs.STATES) or f"States: {', '.join(api.runs.STATES)}."
            raise WorkbenchError(f"There is no state '{word}'.", hint)
    rows = api.runs.list_runs(store) if study is None else api.runs.study_runs(store, study)
    return api.runs.filter_rows(store, [row for row in rows if not state or row.state in state], filter)


def open_store(ctx: typer.Context, *, create: bool = False) -> api.stores.Store:
    """Open the store named by --store, the environment, or the place; reading verbs create nothing."""
    return api.stores.open_store(global_options(ctx).get("store"), create=create)
