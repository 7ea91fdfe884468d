"""Words offered by shell completion. It must be quick and never fail: any trouble offers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from workbench import api
from workbench.errors import WorkbenchError

Completer = Callable[[typer.Context, str], list[str]]


def _quiet(words: Callable[[typer.Context], Iterable[str]]) -> Completer:
    """Keep only printable words that continue what is typed, and swallow every error."""

    def wrapped(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            return [word for word in words(ctx) if word.startswith(incomplete) and word.isprintable()]
        except Exception:  # a traceback in the middle of a command line is useless
            return []

    return wrapped


def _files(sub: str) -> list[str]:
    from workbench.spec.presets import toml_files  # not through api, which loads pydantic: 0.2 s

    return list(toml_files(sub))


@_quiet
def presets(ctx: typer.Context) -> list[str]:
    return _files("")


@_quiet
def studies(ctx: typer.Context) -> list[str]:
    return _files("studies")


@_quiet
def budgets(ctx: typer.Context) -> Iterable[str]:
    return api.studies.BUDGETS


@_quiet
def runs(ctx: typer.Context) -> list[str]:
    return _run_ids(ctx)


@_quiet
def sources(ctx: typer.Context) -> list[str]:
    """Presets, and runs to repeat."""
    return [*_files(""), *_run_ids(ctx)]


@_quiet
def states(ctx: typer.Context) -> Iterable[str]:
    return api.runs.STATES


@_quiet
def queued_studies(ctx: typer.Context) -> list[str]:
    """Studies that have runs here, by name and by id."""
    return api.runs.study_names(api.runs.list_runs(_store(ctx)))


@_quiet
def tables(ctx: typer.Context) -> list[str]:
    rows = api.runs.list_runs(_store(ctx))
    return ["all", *api.runs.study_names(rows), *(row.id for row in rows)]


@_quiet
def figures(ctx: typer.Context) -> Iterable[str]:
    return api.figures.KINDS


@_quiet
def metrics(ctx: typer.Context) -> list[str]:
    from workbench.spec.metrics import METRICS  # not through api, which loads pydantic: 0.2 s

    return list(METRICS)


@_quiet
def estimates(ctx: typer.Context) -> Iterable[str]:
    return api.evaluations.estimates()


@_quiet
def settings(ctx: typer.Context) -> list[str]:
    """Keys of the preset or run on the command line, as `section.key=`."""
    name = ctx.params.get("preset") or ctx.args[0]  # unparsed so far: it is the only argument
    try:
        preset = api.presets.find_preset(name)
    except WorkbenchError:
        preset = api.sources.find_source(_store(ctx), name).preset
    return [f"{field.key}=" for field in api.presets.form_fields(api.presets.resolve(preset))]


def _run_ids(ctx: typer.Context) -> list[str]:
    try:
        return [row.id for row in api.runs.list_runs(_store(ctx))]
    except (WorkbenchError, OSError):  # presets are offered without a store too
        return []


def _store(ctx: typer.Context) -> api.stores.Store:
    path = ctx.find_root().params.get("store")
    return api.stores.open_store(Path(path) if path else None, create=False)
