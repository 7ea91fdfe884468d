"""`workbench scheduler`: the background process that starts queued runs."""

from __future__ import annotations

import time

import typer

from workbench import api
from workbench.cli.options import Json, open_store
from workbench.cli.output import out, out_json, talk
from workbench.text import format_duration

app = typer.Typer(help="Show, start or stop the background scheduler.", no_args_is_help=True)


@app.command()
def status(ctx: typer.Context, json: Json = False) -> None:
    """Show whether a scheduler is running for this store. Queueing work starts one."""
    store = open_store(ctx)
    found = api.queue.scheduler_status(store)
    if json:
        out_json({"store": store.root, **vars(found)})
        return
    out(f"store      {store.root} ({store.why})", one_line=True)
    if not found.running:
        out("scheduler  not running; queueing work starts one")
        return
    out(f"scheduler  running for {format_duration(time.time() - (found.started or time.time()))}")
    out(f"process    {found.pid} on {found.host}", one_line=True)
    if found.message:
        out(f"remark     {found.message}", one_line=True)


@app.command()
def start(ctx: typer.Context) -> None:
    """Start a scheduler if none is running.

    For example when runs wait after a reboot.
    """
    api.queue.ensure_scheduler(open_store(ctx))
    talk("A scheduler is running for this store; it exits when nothing is left to do.")


@app.command()
def stop(ctx: typer.Context) -> None:
    """Stop the scheduler; running workers continue.

    The next scheduler takes them over.
    """
    if api.queue.stop_scheduler(open_store(ctx)):
        talk("The scheduler has been stopped. Queueing work starts a new one.")
    else:
        talk("No scheduler was running.")
