"""`workbench evaluate`: measure something on a run after its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import complete
from workbench.cli.options import Json, open_store
from workbench.cli.output import ago, out, out_json, out_table, span, talk
from workbench.text import safe_text

if TYPE_CHECKING:
    from workbench.api.evaluations import Evaluation


def evaluate(
    ctx: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="Run id, or a unique start or end of one.", autocompletion=complete.runs
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="What to measure.", autocompletion=complete.estimates),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. chains=16. Repeatable."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Keep it under this name, beside earlier ones."),
    ] = None,
    json: Json = False,
) -> None:
    """Measure something on a finished run; without --metric, list what there is to measure.

    The result is kept with the run under evaluations/, and `runs show` and `export --metric` know it.
    """
    from workbench.api.evaluations import evaluate as measure
    from workbench.errors import WorkbenchError

    if metric is None:
        if run is not None or sets or name:
            from workbench.api.evaluations import estimates

            raise WorkbenchError("Say what to measure with --metric.", f"Known: {', '.join(estimates())}.")
        _list(json)
        return
    if run is None:
        raise WorkbenchError("Say which run to evaluate.", "See `workbench runs ls`.")
    found = measure(open_store(ctx), run, metric, sets or (), name=name, on_line=talk)
    if json:
        out_json(found)
        return
    for line in evaluation_lines(found):
        out(line)


def _list(json: bool) -> None:
    """Print every metric with its settings and their defaults."""
    from workbench.api.evaluations import estimates

    known = estimates()
    if json:
        out_json(
            {
                name: {
                    "about": kind.about,
                    "settings": {
                        key: {"default": item.default, "description": item.description}
                        for key, item in kind.model_fields.items()
                    },
                }
                for name, kind in known.items()
            }
        )
        return
    out_table(
        ("METRIC", "WHAT IT IS", "SETTINGS"),
        [
            (name, kind.about, " ".join(f"{key}={item.default}" for key, item in kind.model_fields.items()))
            for name, kind in known.items()
        ],
    )


def evaluation_lines(found: Evaluation) -> list[str]:
    """Return an evaluation as lines: what and how, each metric over its seeds, notes, files."""
    from workbench.cli.metric_lines import measured_line

    settings = " ".join(f"{key}={value}" for key, value in found.settings.items())
    when = f", {ago(found.finished)}" if found.finished else ""
    lines = [f"{found.name}: {found.metric} at step {found.step}, took {span(found.seconds)}{when}"]
    lines.append(f"  {settings}")
    for key, entry in found.metrics.items():
        lines.append(f"  {measured_line(key, entry.values, entry.se, entry.n, found.units.get(key))}")
    lines += [f"  {note}" for note in found.notes]
    if found.arrays:
        lines.append(f"  arrays: evaluations/{found.arrays}")
    return [safe_text(line, 500, one_line=True) for line in lines]
