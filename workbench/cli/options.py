"""Options that several verbs share, and the store they work on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import complete

if TYPE_CHECKING:
    from workbench.api.stores import Store

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
PresetName = Annotated[
    str,
    typer.Argument(metavar="PRESET", help="Preset name, or a .toml file.", autocompletion=complete.presets),
]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="Run id, or a unique start or end of one.", autocompletion=complete.runs
    ),
]
RunNames = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...", help="Run ids, or unique starts or ends of them.", autocompletion=complete.runs
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting, e.g. training.lr=1e-4. Repeatable.",
        autocompletion=complete.settings,
    ),
]
Grids = Annotated[
    list[str] | None,
    typer.Option(
        "--grid",
        metavar="KEY=A,B,C",
        help="One run for each value; several grids make every combination.",
        autocompletion=complete.settings,
    ),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="SEEDS", help="A count (3 means 0,1,2) or a list (0,7,9).")
]
Priority = Annotated[int, typer.Option("--priority", min=-1000, max=1000, help="Higher starts earlier.")]


def open_store(ctx: typer.Context, *, create: bool = False) -> Store:
    """Open the store named by --store, the environment, or the place; reading verbs create nothing."""
    from workbench.api import stores

    path: Path | None = (ctx.find_root().obj or {}).get("store")
    return stores.open_store(path, create=create)
