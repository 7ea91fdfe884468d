"""Writes docs/results/literature.md: published numbers beside ours. python -m tests.literature_page

Published numbers are those of the studies' files, ours those of docs/results/studies (tests/study_pages.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.api.studies import Study, list_studies, plan, wanted
from workbench.results.compare import deviation
from workbench.results.table import Cell, number_text
from workbench.spec.metrics import metric
from workbench.spec.presets import built_in_folder
from workbench.spec.reference_values import Value

HERE = Path(__file__).parents[1] / "docs" / "results"
PAGE, FOLDER = HERE / "literature.md", HERE / "studies"
WITHIN = 2.0  # combined standard deviations
NOT_PUBLISHED_SETTINGS = "not run at the published settings"
INTRODUCTION = """# Published numbers beside ours

<!-- python -m tests.literature_page -->

Generated from the studies (`presets/studies/`) and the tables in docs/results/studies/. Each of these has its
date, commit, machine and command: `workbench studies run STUDY --budget quick`, measured 2026-11-25, see
docs/results/studies/avb-loglik.md for an example (commit c45d56e).

"Reproduced" means: run at the budget `paper`, and within two combined standard deviations, √(s² + s²), of the
published value. Every other budget is much shorter than what was published: its deviation shows how far the
short run is, not whether the publication is right.
"""


def verdict(value: Value, ours: dict[str, Any] | None, budget: str) -> str:
    """Return what the comparison of a published value with ours allows to say."""
    if ours is None:
        return "not run"
    if budget != "paper":
        return NOT_PUBLISHED_SETTINGS
    if value.spread is None or ours["std"] is None:
        return "not decided: a spread is missing"
    near = abs(ours["mean"] - value.number) <= WITHIN * math.hypot(ours["std"], value.spread)
    return "reproduced" if near else "not reproduced"


def page(studies: list[Study], folder: Path = FOLDER) -> str:
    """Return the page for these studies, with the numbers that `folder` has."""
    return "\n".join([INTRODUCTION, *(part for study in studies for part in _section(study, folder))])


def _section(study: Study, folder: Path) -> Iterator[str]:
    if not study.published.values or not study.budgets:  # `robust` repeats robust-accuracy
        return
    path = folder / f"{study.name}.json"
    found = (
        json.loads(path.read_text())
        if path.exists()
        else {"budget": next(iter(study.budgets), ""), "rows": []}
    )
    budget = found["budget"]
    ours = {(row["label"], row["metric"]): row for row in found["rows"]}
    yield f"## {study.name}: {study.title}\n"
    yield f"Source: {study.published.source}\n"
    yield "| row | metric | published | ours | deviation | seeds | budget | |"
    yield "|---|---|---|---|---|---|---|---|"
    rows = [wanted(run) for run in plan(study, budget) if run.row]
    for value in study.published.values:
        for one in rows:
            if study.published.find(value.metric, one.preset, one.settings, one.label) == value:
                yield _line(value, one.label, ours.get((one.label, value.metric)), budget)
    yield ""
    yield from (f"- {note}" for note in study.notes)
    yield ""


def _line(value: Value, label: str, ours: dict[str, Any] | None, budget: str) -> str:
    found = metric(value.metric)
    name = f"{found.label} ({found.unit})" if found.unit else found.label
    shown, apart, seeds = "–", "–", "–"
    if ours is not None:
        shown = number_text(Cell("number", mean=ours["mean"], std=ours["std"], n=ours["n"]))
        apart = deviation(Cell("number", mean=ours["mean"]), value).text.replace("-", "−")
        seeds = str(ours["n"])
    cells = (
        label,
        name,
        value.text,
        shown,
        apart,
        seeds,
        budget if ours else "–",
        verdict(value, ours, budget),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def shipped() -> list[Study]:
    """Return the studies of the package, by name."""
    return [study for study in list_studies() if study.path.parent.parent == built_in_folder()]


if __name__ == "__main__":
    PAGE.write_text(page(shipped()))
