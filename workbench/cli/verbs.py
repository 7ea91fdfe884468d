"""The verbs of the command line and the root options before them, as typer reads them.

`workbench.api` imports its modules at their first use, so that `workbench --help` stays quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench import __version__
from workbench.cli import (
    data,
    doctor,
    evaluate,
    export,
    export_model,
    figure,
    pack,
    plot,
    presets,
    queue,
    run,
    runs,
    scheduler,
    studies,
    table,
)
from workbench.cli.tui import open_screens
from workbench.errors import WorkbenchError

GLOBAL_OPTIONS = ("--store", "--mouse", "--no-mouse", "--ascii")
app = typer.Typer(
    name="workbench",
    help="A terminal lab bench for latent-variable generative models. Without a verb: the screens.",
    rich_markup_mode=None,  # plain help: quick, and readable everywhere
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.add_typer(queue.app, name="queue")
app.add_typer(runs.app, name="runs")
app.add_typer(presets.app, name="presets")
app.add_typer(data.app, name="data")
app.add_typer(studies.app, name="studies")
app.command("plot")(plot.plot)
app.command("figure")(figure.figure)
app.command("table")(table.table)
app.command("export")(export.export)
app.command("export-model")(export_model.export_model)
app.command("pack")(pack.pack)
app.command("unpack")(pack.unpack)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(scheduler.app, name="scheduler")
app.command("doctor")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"workbench {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            readable=False,
            help="Folder of the runs; default: WORKBENCH_STORE, then the nearest runs/.",
        ),
    ] = None,
    mouse: Annotated[bool, typer.Option("--mouse/--no-mouse", help="Enable mouse support.")] = True,
    ascii: Annotated[bool, typer.Option("--ascii", help="Draw with ASCII characters only.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    ctx.obj = {"store": store, "ascii": ascii}
    if ctx.invoked_subcommand is None:
        raise typer.Exit(open_screens(store, mouse=mouse, ascii=ascii))


def run_verb(arguments: list[str]) -> int:
    """Run the verb of the arguments and return the exit code. Raises WorkbenchError for a usage error."""
    try:
        code = app(arguments, prog_name="workbench", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        if not (hasattr(error, "show") and hasattr(error, "exit_code")):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":  # `workbench queue`, which names no action
            error.show()
            return int(error.exit_code)
        raise _usage_fault(error) from None
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _usage_fault(error: Any) -> WorkbenchError:
    """Return what the parser refused, with the command that shows the help."""
    context = getattr(error, "ctx", None)
    verb = context.command_path.removeprefix("workbench").strip() if context is not None else ""
    option = getattr(error, "option_name", "")
    if option in GLOBAL_OPTIONS:
        hint = f"Global options precede the verb: workbench {option} … VERB."
    else:
        hint = f"See `{f'workbench {verb}'.strip()} --help`."
    words = str(error.format_message()).strip().rstrip(".")
    return WorkbenchError(f"{verb}: {words}." if verb else f"{words}.", hint, int(error.exit_code))
