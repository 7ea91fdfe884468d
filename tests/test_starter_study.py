"""The starter study, whole: each preset through the command line and the worker, every seed against its bar.

Slow (about two minutes): `pytest -m slow tests/test_starter_study.py`. Results: docs/results/starter.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.spec.studies import find_study

# what every seed must reach on the digits' test set, with where it comes from: references measured on
# the same data are 27.20 nats and the error of 8 principal components, 0.0251
BARS: dict[str, dict[str, float]] = {
    "vae-digits": {"test_nelbo": 25.0, "test_mse": 0.032},
    "avb-digits": {"test_iwae": 26.5, "test_mse": 0.040},
    "lebm-digits": {"test_mse": 0.040},
    "lae-digits": {"test_mse": 0.025},
}
COMMON = ("test_mse", "knn_accuracy", "energy_distance", "energy_distance_null", "training_seconds")


def result_of(preset: str, seeds: tuple[int, ...], store: Path) -> dict[str, Any]:
    """Train a preset in the foreground and return what its run folder holds."""
    command = [sys.executable, "-m", "workbench", "--store", str(store), "run", preset, "--inline"]
    done = subprocess.run([*command, "--seeds", ",".join(map(str, seeds))], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = store.glob(f"*-{preset}-*/result.json")
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def test_there_is_a_bar_for_every_preset_of_the_study() -> None:
    assert set(find_study("starter").presets) == set(BARS)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("preset", sorted(BARS))
def test_every_seed_of_the_starter_study_reaches_its_bar(preset: str, tmp_path: Path) -> None:
    seeds = find_study("starter").seeds or (0, 1, 2)
    result = result_of(preset, seeds, tmp_path / "runs")
    assert result["outcome"] == "finished"
    assert len(result["seeds"]) == len(seeds) == 3
    assert result["diverged"] == {}
    metrics = result["metrics"]
    for name, bar in BARS[preset].items():
        assert all(value < bar for value in metrics[name]["values"]), (name, metrics[name])
    # the columns that all four families share, and none of them the work of chance
    assert set(COMMON) <= metrics.keys()
    assert all(value > 0.7 for value in metrics["knn_accuracy"]["values"])
    null = metrics["energy_distance_null"]
    assert abs(null["values"][0]) < null["se"][0]
    assert all(value < 1.0 for value in metrics["energy_distance"]["values"])
