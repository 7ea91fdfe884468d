"""`workbench doctor`: checks of the installation, the data, the store and the terminal."""

from __future__ import annotations

import typer

from workbench import api
from workbench.cli.options import Json, global_options
from workbench.cli.output import out, out_json, out_table

SIGNS = {"ok": "ok", "warning": "WARN", "missing": "FAIL"}


def doctor(ctx: typer.Context, json: Json = False) -> None:
    """Check the installation and suggest fixes.

    The exit code is that of the first failure; warnings are ignored.
    """
    checks = api.devices.doctor(global_options(ctx).get("store"))
    if json:
        out_json(checks)
    else:
        out_table(("", "WHAT", "FOUND"), [(SIGNS[c.state], c.name, c.found) for c in checks])
        for check in checks:
            if check.fix:
                out(f"\n{SIGNS[check.state]} {check.name}: {check.fix}")
    raise typer.Exit(next((check.exit_code for check in checks if check.state == "missing"), 0))
