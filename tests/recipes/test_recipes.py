"""The recipes of docs/CONTRIBUTING.md, followed in a copy of the package: nothing else in it is edited."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = Path(__file__).parent / "example"
PPCA = ROOT / "tests" / "plugin_example" / "workbench_ppca"
# file of the example → its place in the checkout
FAMILY = {PPCA / "settings.py": "spec/models/ppca.py", PPCA / "model.py": "engine/models/ppca.py"}
ESTIMATE = {
    EXAMPLE / "spread_settings.py": "spec/estimates/spread.py",
    EXAMPLE / "spread.py": "engine/evaluation/spread.py",
}
DATA_SET = {EXAMPLE / "rings.py": "spec/data/rings.py"}

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the three examples added."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("workbench", "presets"):
        shutil.copytree(ROOT / name, folder / name)
    for source, place in (FAMILY | ESTIMATE | DATA_SET).items():
        target = folder / "workbench" / place
        assert not target.exists()
        text = source.read_text().replace("workbench_ppca.model", "workbench.engine.models.ppca")
        target.write_text(text.replace("workbench_ppca.settings", "workbench.spec.models.ppca"))
    shutil.copy(EXAMPLE / "ppca-rings.toml", folder / "presets")
    return folder


@pytest.fixture(scope="module")
def python(copy: Path) -> Run:
    """Call Python in the copy; returns standard output."""

    def call(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.fixture(scope="module")
def workbench(python: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    store = str(tmp_path_factory.mktemp("store") / "runs")
    return lambda *words: python("-m", "workbench", "--store", store, *words)


@pytest.fixture(scope="module")
def run_id(workbench: Run) -> str:
    """A run of the example family on the example data, with the example estimate at its end."""
    (run,) = json.loads(workbench("run", "ppca-rings", "--inline", "--json"))
    assert run["state"] == "finished"
    identifier: str = run["id"]
    return identifier


def test_a_family_is_settings_model_and_preset(workbench: Run, run_id: str) -> None:
    fields = {f["key"]: f for f in json.loads(workbench("presets", "show", "ppca-rings", "--json"))["fields"]}
    assert fields["model.latent"]["unit"] == "dimensions"
    assert "ppca" in fields["model.kind"]["choices"]
    assert "| pPCA" in workbench("export", run_id)
    assert run_id in workbench("runs", "ls", "--filter", "model:ppca")


def test_an_estimate_is_settings_and_a_function(workbench: Run, run_id: str) -> None:
    assert "images" in json.loads(workbench("evaluate", "--json"))["spread"]["settings"]
    planned = json.loads(workbench("runs", "show", run_id, "--json"))["evaluations"]
    later = json.loads(workbench("evaluate", run_id, "--metric", "spread", "--set", "images=50", "--json"))
    assert planned[0]["metrics"]["latent_spread"] == later["metrics"]["latent_spread"]
    assert later["units"]["latent_spread"] == "latent units"
    assert "latent spread (latent units)" in workbench("export", run_id, "--metric", "latent_spread")


def test_a_data_set_is_one_file(workbench: Run, run_id: str) -> None:
    fields = {f["key"]: f for f in json.loads(workbench("presets", "show", "vae-digits", "--json"))["fields"]}
    assert "rings" in fields["data.name"]["choices"]
    assert json.loads(workbench("runs", "show", run_id, "--json"))["data"] == "rings"


def test_the_screens_offer_them(python: Run) -> None:
    """Launch builds its form from these functions."""
    code = (
        "from workbench import api; from workbench.spec.models import model_kinds;"
        "fields = {f.key: f for f in api.presets.form_fields(api.presets.resolve('ppca-rings'))};"
        "print('ppca' in model_kinds(), 'rings' in fields['data.name'].choices, fields['model.kind'].choices)"
    )
    assert python("-c", code).startswith("True True")
