"""`workbench scheduler`: the background process that starts queued runs."""

from __future__ import annotations

import typer

from workbench.cli.options import Json, open_store
from workbench.cli.output import out, out_json, plain, talk

app = typer.Typer(help="Look at or stop the background scheduler.", no_args_is_help=True)


@app.command()
def status(ctx: typer.Context, json: Json = False) -> None:
    """Tell whether a scheduler runs for this store. One is started whenever work is queued."""
    from workbench.api.queue import scheduler_status

    store = open_store(ctx)
    found = plain(scheduler_status(store))
    if json:
        out_json({"store": store.root, **found})
        return
    out(f"store     {store.root} ({store.why})")
    for name, value in found.items():
        if value not in (None, ""):
            out(f"{name:<10}{value}")


@app.command()
def stop(ctx: typer.Context) -> None:
    """Stop the scheduler; running workers go on, and are taken up again by the next scheduler."""
    from workbench.api.queue import stop_scheduler

    stop_scheduler(open_store(ctx))
    talk("The scheduler has been stopped. Work queued from now on starts a new one.")
