"""`workbench scheduler`: the background process that starts queued runs."""

from __future__ import annotations

import time

import typer

from workbench.cli.options import Json, open_store
from workbench.cli.output import out, out_json, span, talk

app = typer.Typer(help="Look at, start or stop the background scheduler.", no_args_is_help=True)


@app.command()
def status(ctx: typer.Context, json: Json = False) -> None:
    """Tell whether a scheduler runs for this store. One is started whenever work is queued."""
    from workbench.api.queue import scheduler_status

    store = open_store(ctx)
    found = scheduler_status(store)
    if json:
        out_json({"store": store.root, **vars(found)})
        return
    out(f"store      {store.root} ({store.why})")
    if not found.running:
        out("scheduler  not running; queued work starts one")
        return
    out(f"scheduler  running for {span(time.time() - (found.started or time.time()))}")
    out(f"process    {found.pid} on {found.host}")
    if found.message:
        out(f"remark     {found.message}")


@app.command()
def start(ctx: typer.Context) -> None:
    """Start a scheduler where none runs, e.g. after the machine was started anew and runs wait."""
    from workbench.api.queue import ensure_scheduler

    ensure_scheduler(open_store(ctx))
    talk("A scheduler looks after this store; it ends by itself when nothing is left to do.")


@app.command()
def stop(ctx: typer.Context) -> None:
    """Stop the scheduler; running workers go on, and are taken up again by the next scheduler."""
    from workbench.api.queue import stop_scheduler

    if stop_scheduler(open_store(ctx)):
        talk("The scheduler has been stopped. Work queued from now on starts a new one.")
    else:
        talk("No scheduler was running.")
