"""The command line: `workbench` opens the screens, its verbs do the same things without them.

Verbs import what they need when they are called, so that `workbench --help` stays quick.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench import __version__
from workbench.cli import doctor, evaluate, export, plot, presets, queue, run, runs, scheduler, studies
from workbench.errors import STORE, TERMINAL, WorkbenchError
from workbench.spec.text import safe_text

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
app.add_typer(studies.app, name="studies")
app.command("plot")(plot.plot)
app.command("export")(export.export)
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
            help="Folder of the runs; else WORKBENCH_STORE, else the nearest runs/.",
        ),
    ] = None,
    mouse: Annotated[bool, typer.Option("--mouse/--no-mouse", help="Let the screens take the mouse.")] = True,
    ascii: Annotated[bool, typer.Option("--ascii", help="Draw with ASCII characters only.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    ctx.obj = {"store": store, "ascii": ascii}
    if ctx.invoked_subcommand is None:
        raise typer.Exit(open_screens(store, mouse=mouse, ascii=ascii))


def open_screens(store: Path | None, *, mouse: bool, ascii: bool) -> int:
    """Open the TUI and return its exit code, or refuse in one sentence where no screen can be shown."""
    streams = {"input": sys.stdin, "output": sys.stdout, "error output": sys.stderr}
    for name, stream in streams.items():
        if stream is None or not stream.isatty():
            _refuse(f"standard {name} is not a terminal")
    if os.environ.get("TERM", "dumb") in ("", "dumb"):
        _refuse("TERM is unset or 'dumb'")
    from workbench.api.stores import open_store
    from workbench.settings import user_settings
    from workbench.ui.app import run_app

    settings = user_settings()
    chosen = open_store(store)
    return run_app(chosen, mouse=mouse and settings.mouse, ascii=ascii or settings.ascii)


def _refuse(why: str) -> None:
    hint = "Use plain commands here: `workbench run PRESET`, `workbench queue ls`, `workbench runs ls`."
    raise WorkbenchError(f"The screens cannot be shown: {why}.", hint, TERMINAL)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code. Foreseeable trouble is one line on stderr."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # a closed stream's number would go to the next file that is opened, and be written to
    os.close(spare)
    if sys.stdout is None:
        return _complain("Standard output is closed. Send it to a file, or to /dev/null.", STORE)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows no ± gets a ?
            stream.reconfigure(errors="replace")
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if not given and "_WORKBENCH_COMPLETE" not in os.environ:
            return open_screens(
                None, mouse=True, ascii=False
            )  # the parser would cost 0.1 s of the first paint
        code = app(given, prog_name="workbench", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except WorkbenchError as error:
        return _complain(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("Interrupted.", 130)
    except (BrokenPipeError, SystemExit):  # the parser turns the one into the other
        # whoever read our output has seen enough; keep Python from complaining at exit as well
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13
    except OSError as error:
        return _complain(_os_sentence(error), STORE)
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # a usage error of the parser
            return _complain(_usage_sentence(error), int(error.exit_code))
        if os.environ.get("WORKBENCH_DEBUG"):
            raise
        kind = type(error).__name__
        return _complain(f"Internal error, {kind}: {error} WORKBENCH_DEBUG=1 shows where.", 1)


def _usage_sentence(error: Any) -> str:
    """Say what the parser refused, and where the right words stand."""
    context = getattr(error, "ctx", None)
    verb = context.command_path.removeprefix("workbench").strip() if context is not None else ""
    option = getattr(error, "option_name", "")
    if option in GLOBAL_OPTIONS:
        hint = f"It stands before the verb: workbench {option} … VERB."
    else:
        hint = f"See `{f'workbench {verb}'.strip()} --help`."
    words = str(error.format_message()).strip().rstrip(".")
    return f"{verb}: {words}. {hint}" if verb else f"{words}. {hint}"


def _complain(sentence: str, code: int) -> int:
    try:
        typer.echo(f"workbench: {safe_text(sentence, 2000, one_line=True)}", err=True)
    except OSError:  # stderr is gone too
        return code
    return code


def _os_sentence(error: OSError) -> str:
    """Say what the operating system refused, and how to go on."""
    fixes: dict[Any, str] = {
        errno.ENOSPC: "Free some space or choose another folder with --store.",
        errno.EDQUOT: "Free some of your quota or choose another folder with --store.",
        errno.EACCES: "Change its permissions or choose another folder with --store.",
        errno.EPERM: "Change its permissions or choose another folder with --store.",
        errno.EROFS: "Choose another folder with --store.",
    }
    if error.errno == errno.ENOENT and not error.filename:
        return "The current folder no longer exists. Change to another one."
    place = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{place}. {fixes.get(error.errno, '')}".strip()


if __name__ == "__main__":
    sys.exit(main())
