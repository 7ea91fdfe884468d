"""`workbench doctor`: what is here, what is missing, and how to mend it."""

from __future__ import annotations

import typer

from workbench.cli.options import Json
from workbench.cli.output import out, out_json, out_table

SIGNS = {"ok": "ok", "warning": "WARN", "missing": "FAIL"}


def doctor(ctx: typer.Context, json: Json = False) -> None:
    """Tell what is here, what is missing and how to mend it.

    The exit code is that of the first failure; warnings do not count.
    """
    from pathlib import Path

    from workbench.api.devices import doctor as checks_of

    path: Path | None = (ctx.find_root().obj or {}).get("store")
    checks = checks_of(path)
    if json:
        out_json(checks)
    else:
        out_table(("", "WHAT", "FOUND"), [(SIGNS[c.state], c.name, c.found) for c in checks])
        for check in checks:
            if check.fix:
                out(f"\n{SIGNS[check.state]} {check.name}: {check.fix}")
    raise typer.Exit(next((check.exit_code for check in checks if check.state == "missing"), 0))
