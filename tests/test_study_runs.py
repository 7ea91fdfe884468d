"""Studies, whole, at budget quick from a clean store: every cell is a number or a reason, LaTeX sets it.

Slow (`pytest -m slow tests/test_study_runs.py`, about ten minutes): the cheapest study of each kind. The
tables of all of them are in docs/results/studies (tests/study_pages.py).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stores import make_run, make_store
from workbench.spec.presets import built_in_folder

CHEAPEST = [
    "ddm-noise",
    "idler-grid-1d",
    "moons-hist",
    "families",
    "lab-classifier",
    "lae-probe",
    "avb-synth",
]
SHIPPED = sorted(path.stem for path in (built_in_folder() / "studies").glob("*.toml"))
NEEDS_MNIST = ("lab-classifier", "lae-probe")
PAGE = r"\documentclass{article}\usepackage{booktabs}\begin{document}%s\end{document}"


def workbench(store: Path, *arguments: str) -> str:
    """Run a command on a store and return what it prints."""
    command = [sys.executable, "-m", "workbench", "--store", str(store), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", CHEAPEST)
def test_a_study_runs_at_quick_and_a_second_time_queues_nothing(name: str, tmp_path: Path) -> None:
    if name in NEEDS_MNIST and not (Path(os.environ.get("WORKBENCH_DATA_DIR", "absent")) / "MNIST").is_dir():
        pytest.skip("WORKBENCH_DATA_DIR holds no MNIST")
    store = tmp_path / "runs"
    workbench(store, "studies", "run", name, "--budget", "quick")
    again = json.loads(workbench(store, "studies", "run", name, "--budget", "quick", "--detach", "--json"))
    assert again["queued"] == [] and again["waiting"] == {} and again["before"].endswith(" done")
    table = json.loads(workbench(store, "export", name, "--format", "json"))
    assert "budget quick" in table["title"]
    notes = " ".join(table["notes"])
    for row, sources in zip(table["rows"], table["sources"], strict=True):
        assert sources, row
        for column in table["columns"]:
            cell = row[column["key"]]
            assert (
                cell["text"] != "–" or "–:" in notes or column["key"].startswith(("published", "deviation"))
            )
    if shutil.which("pdflatex"):
        set_by_latex(workbench(store, "export", name, "--format", "latex"), tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("name", SHIPPED)
def test_pdflatex_sets_the_table_of_every_study_without_an_overfull_box(name: str, tmp_path: Path) -> None:
    """Without a run of it: labels, published values and notes are what may be too wide."""
    make_run(make_store(tmp_path / "runs"), points=2)
    set_by_latex(workbench(tmp_path / "runs", "export", name, "--format", "latex"), tmp_path)


def set_by_latex(table: str, folder: Path) -> None:
    (folder / "page.tex").write_text(PAGE % table)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0 and "Overfull" not in done.stdout, done.stdout[-3000:]
