"""Another package adds a data set and an estimate: one torch-free file, and both work like built-in ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = '''
"""Stripes, and how many latents are positive."""

import numpy as np

from workbench.spec.data import Arrays, DataSource
from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import setting
from workbench.spec.metric import Metric


def load(settings, folder, download):
    y = np.arange(settings.train_size or 40) % 4
    x = np.repeat(np.eye(4, dtype=np.uint8)[y], 4, axis=1)
    return Arrays(x, y, x[:20], y[:20], (4, 4), "binary", 4)


STRIPES = DataSource("stripes", "stripes:load", {"stripes.txt": ""})


class Positive(EstimateSettings):
    name = "positive"
    about = "share of latents above a threshold"
    measure = "stripes:measure"
    metrics = {"positive_share": Metric("positive latents", "share", "", "of the test latents")}

    threshold: float = setting(0.0, "threshold")


def measure(task):
    from workbench.engine.evaluation.entry import entry
    from workbench.engine.evaluation.task import Findings

    x = next(task.data.chunks("test", task.streams)).x
    share = (task.model.encode(x, task.streams) > task.settings.threshold).double().mean((1, 2))
    return Findings({"positive_share": entry(share, None, x.shape[1])})
'''
ENTRIES = """
[workbench.data]
stripes = stripes:STRIPES
absent = no_such_module:DATA
[workbench.estimates]
positive = stripes:Positive
mistaken = stripes:STRIPES
"""


@pytest.fixture
def python(tmp_path: Path):
    """Return a function that runs Python code where such a package is installed."""
    (tmp_path / "stripes.py").write_text(MODULE)
    information = tmp_path / "stripes-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: stripes\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRIES)
    root = Path(__file__).parents[2]
    variables = {"PYTHONPATH": f"{root}{os.pathsep}{tmp_path}", "WORKBENCH_DATA_DIR": str(tmp_path)}
    variables["WORKBENCH_STORE"] = str(tmp_path / "runs")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        options = {"cwd": tmp_path, "env": {**os.environ, **variables}, "timeout": 120, "check": False}
        return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, **options)

    return run


def test_both_are_listed_and_a_broken_one_is_an_error_only_where_it_is_named(python) -> None:
    code = """
from workbench.errors import WorkbenchError
from workbench.spec.data import DATA_SETS
from workbench.spec.estimates import estimate_of, known_estimates
from workbench.spec.metrics import METRICS
from workbench.spec.resolve import resolve
assert {"stripes", "digits"} <= DATA_SETS.known().keys() and "absent" not in DATA_SETS.known()
assert {"positive", "ais"} <= known_estimates().keys() and "mistaken" not in known_estimates()
assert METRICS["positive_share"].unit == "share" and estimate_of("positive_share").name == "positive"
for text in ("data.name=absent", "evaluation.estimates=mistaken"):
    try:
        resolve("vae-digits", [text])
    except WorkbenchError as problem:
        print(problem)
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    absent, mistaken = done.stdout.splitlines()
    assert "data.name: Cannot load 'absent' of workbench.data (ModuleNotFoundError" in absent
    assert "Cannot load 'mistaken' of workbench.estimates (TypeError" in mistaken
    assert mistaken.endswith("Repair or remove the package stripes.")


def test_a_run_trains_on_the_one_and_measures_the_other(python, tmp_path: Path) -> None:
    asked = ["data.name=stripes", "training.epochs=1", "evaluation.estimates=positive threshold=0.5"]
    command = ["-m", "workbench", "run", "vae-digits", "--inline", "--seeds", "1"]
    command += [word for text in asked for word in ("--set", text)]
    (tmp_path / "stripes.txt").touch()
    done = python(*command)
    assert done.returncode == 0, done.stderr
    (found,) = (tmp_path / "runs").glob("*/evaluations/positive.json")
    body = json.loads(found.read_text())
    assert body["settings"]["threshold"] == 0.5 and 0 <= body["metrics"]["positive_share"]["values"][0] <= 1
