"""`workbench doctor`: checks of the installation, the data, the store and the terminal."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from workbench import api
from workbench.cli.options import Json, global_options
from workbench.cli.output import out, out_json, out_table

SIGNS = {"ok": "ok", "warning": "WARN", "missing": "FAIL"}


def doctor(
    ctx: typer.Context,
    json: Json = False,
    notify: Annotated[
        bool, typer.Option("--notify", help="Try the bell and the notify command instead.")
    ] = False,
) -> None:
    """Check the installation and suggest fixes.

    The exit code is that of the first failure; warnings are ignored.
    """
    if notify:
        check = api.devices.try_notify(global_options(ctx).get("store"))
        if sys.stdout.isatty():
            sys.stdout.write("\x1b]9;workbench: a test notification\x07\x07")
        out_json([check]) if json else out(f"{SIGNS[check.state]} {check.name}: {check.found}")
        if check.fix and not json:
            out(check.fix)
        raise typer.Exit(check.exit_code if check.state == "missing" else 0)
    checks = api.devices.doctor(global_options(ctx).get("store"))
    if json:
        out_json(checks)
    else:
        out_table(("", "WHAT", "FOUND"), [(SIGNS[c.state], c.name, c.found) for c in checks])
        for check in checks:
            if check.fix:
                out(f"\n{SIGNS[check.state]} {check.name}: {check.fix}")
    raise typer.Exit(next((check.exit_code for check in checks if check.state == "missing"), 0))
