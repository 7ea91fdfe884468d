"""Words offered by shell completion. It must be quick and never fail: any trouble offers nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from workbench.api.runs import RunRow

Completer = Callable[[typer.Context, str], list[str]]


def _quiet(function: Completer) -> Completer:
    """Keep only words that continue what is typed, and swallow every error."""

    @functools.wraps(function)
    def wrapped(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            return [word for word in function(ctx, incomplete) if word.startswith(incomplete)]
        except Exception:  # a traceback in the middle of a command line helps nobody
            return []

    return wrapped


@_quiet
def presets(ctx: typer.Context, incomplete: str) -> list[str]:
    from workbench.spec.presets import toml_files

    return list(toml_files())


@_quiet
def studies(ctx: typer.Context, incomplete: str) -> list[str]:
    from workbench.spec.presets import toml_files

    return list(toml_files("studies"))


@_quiet
def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    return [row.id for row in _rows(ctx)]


@_quiet
def states(ctx: typer.Context, incomplete: str) -> list[str]:
    from workbench.api.runs import STATES

    return list(STATES)


@_quiet
def tables(ctx: typer.Context, incomplete: str) -> list[str]:
    return ["all", *ran(ctx, ""), *runs(ctx, "")]


@_quiet
def ran(ctx: typer.Context, incomplete: str) -> list[str]:
    """Studies that have runs here, by name and by id."""
    return sorted({name for row in _rows(ctx) for name in (row.study, row.study_id) if name})


@_quiet
def metrics(ctx: typer.Context, incomplete: str) -> list[str]:
    from workbench.spec.metrics import METRICS

    return list(METRICS)


@_quiet
def estimates(ctx: typer.Context, incomplete: str) -> list[str]:
    from workbench.spec.estimates import known_estimates

    return list(known_estimates())


@_quiet
def settings(ctx: typer.Context, incomplete: str) -> list[str]:
    """Keys of the preset on the command line, as `section.key=`."""
    from workbench.api.presets import form_fields, resolve

    preset = ctx.params.get("preset") or ctx.args[0]  # unparsed so far: it is the only argument
    return [f"{field.key}=" for field in form_fields(resolve(preset))]


def _rows(ctx: typer.Context) -> list[RunRow]:
    from workbench.api.runs import list_runs
    from workbench.api.stores import open_store

    path = ctx.find_root().params.get("store")
    return list_runs(open_store(Path(path) if path else None, create=False))
