"""Writes the table of a study that was run, and its numbers, into docs/results/studies.

    python -m tests.study_pages STORE STUDY [BUDGET]

`STUDY.md` has the table with date, commit, machine and commands, `STUDY.json` each row's means and spreads.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from workbench.api import studies, tables
from workbench.api.runs import list_runs
from workbench.api.stores import Store, open_store
from workbench.results.groups import Group
from workbench.results.wanted import wanted_groups
from workbench.store.json_fields import read_table, table
from workbench.text import format_duration

FOLDER = Path(__file__).parents[1] / "docs" / "results" / "studies"


def numbers(store: Store, study: studies.Study, budget: str) -> list[dict[str, Any]]:
    """Return the rows of the study's table with a mean: label, metric, mean, std, number of seeds."""
    runs = [run for run in studies.plan(study, budget) if run.row]
    keys = dict.fromkeys([*study.layout.metrics, *(value.metric for value in study.published.values)])
    groups = wanted_groups(
        store.paths, list_runs(store), map(studies.wanted, runs), study.name, (), curves=keys
    )
    return [found for group in groups for key in keys if (found := _number(group, key))]


def _number(group: Group, key: str) -> dict[str, Any] | None:
    cell = group.cell(key)
    if cell.mean is None:
        return None
    return {"label": group.label, "metric": key, "mean": cell.mean, "std": cell.std, "n": cell.n}


def page(store: Store, study: studies.Study, budget: str) -> tuple[str, dict[str, Any]]:
    """Return the study's page in Markdown, and the document of its numbers."""
    rows = list(
        {row.id: row for one in studies.progress(store, study, budget).runs for row in one.rows}.values()
    )
    made = [read_table(store.run(row.id).environment) for row in rows]
    commits = sorted({str(table(one.get("git")).get("commit"))[:7] for one in made})
    torch = sorted({str(table(one.get("packages")).get("torch")) for one in made})
    hosts = sorted(
        {
            f"{table(one.get('host')).get('processor')}, {table(one.get('host')).get('cores')} cores"
            for one in made
        }
    )
    day = time.strftime("%Y-%m-%d", time.gmtime(max(row.ended or 0.0 for row in rows)))
    took = format_duration(sum(row.took or 0.0 for row in rows))
    failed = [f"{row.name}: {row.state}. {row.reason}" for row in rows if row.state != "finished"]
    lines = [
        f"# {study.title}",
        "",
        f"Measured {day}, commit {', '.join(commits)}, {'; '.join(hosts)} shared with other work, torch "
        f"{', '.join(torch)} on the CPU, one thread a run: {len(rows)} runs, {took} together.",
        "",
        f"    workbench studies run {study.name} --budget {budget}",
        f"    workbench export {study.name} --budget {budget}",
        "",
        tables.export_text(tables.study_table(store, study.name, budget=budget), "md").rstrip(),
        *(["", "Runs without a result:", "", *(f"- {text}" for text in failed)] if failed else []),
        "",
    ]
    head = {"study": study.name, "budget": budget, "date": day, "commit": ", ".join(commits)}
    return "\n".join(lines), {**head, "rows": numbers(store, study, budget)}


def write(place: Path, name: str, budget: str = "quick") -> None:
    """Write both files of a study that was run in the store at `place`."""
    text, document = page(open_store(place, create=False), studies.find_study(name), budget)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.md").write_text(text)
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]), *sys.argv[2:4])
