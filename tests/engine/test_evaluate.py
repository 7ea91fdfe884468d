"""Measurements on trained runs: what is written, what is refused, and that a run is left as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.small import make_trainer, small_spec, write_spec
from workbench.engine.evaluate import main
from workbench.exit_codes import WorkerExit
from workbench.store.evaluations import read_evaluation
from workbench.store.examples import read_examples
from workbench.store.paths import RunPaths

QUICK: dict[str, dict[str, Any]] = {
    "ais": {"images": 6, "chains": 2, "temperatures": 10, "leapfrogs": 2, "bdmc": 4},
    "iwae": {"images": 20, "draws": 10},
    "probe": {},
    "rhat": {"images": 2, "chains": 2, "draws": 20, "warmup": 10, "leapfrogs": 2},
    "energy": {"samples": 60, "draws": 2, "null_draws": 20},
    "mmd": {"samples": 60, "draws": 2, "null_draws": 20},
    "sliced-w2": {"samples": 60, "draws": 2, "null_draws": 20, "projections": 16},
    "frechet": {"samples": 60, "draws": 2, "null_draws": 20},
    "pca": {"images": 50},
    "tsne": {"images": 40, "perplexity": 5.0},
    "interpolation": {"pairs": 3, "steps": 4},
    "latents": {"images": 50},
    "quadrature": {"images": 6, "points": 40},
}


def trained(family: str, folder: Path, broken: bool = False, **changes: Any) -> RunPaths:
    """Return a run of two seeds with its last checkpoint; the second diverged if the run is `broken`."""
    trainer = make_trainer(small_spec(family, [0, 1], 30, **changes), folder)
    if broken:
        with torch.no_grad():
            next(trainer.model.decoder.parameters())[1] = torch.nan
    trainer.run()
    return write_spec(trainer.spec, folder)


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> RunPaths:
    return trained("vae", tmp_path_factory.mktemp("runs") / "vae")


@pytest.fixture(scope="module")
def lebm(tmp_path_factory: pytest.TempPathFactory) -> RunPaths:
    return trained("lebm", tmp_path_factory.mktemp("runs") / "lebm", model={"sigma": 0.8})


def run(paths: RunPaths, metric: str, *name: str, **settings: Any) -> dict[str, Any]:
    body = json.dumps(QUICK[metric] | settings)
    assert main([str(paths.root), metric, body, *name]) == WorkerExit.DONE
    found: dict[str, Any] = json.loads((paths.evaluations / f"{(name or (metric,))[0]}.json").read_text())
    return found


def refusal(paths: RunPaths, metric: str, capsys: pytest.CaptureFixture[str], **settings: Any) -> str:
    before = sorted(paths.root.rglob("*"))
    assert main([str(paths.root), metric, json.dumps(QUICK[metric] | settings)]) == WorkerExit.BAD_INPUT
    assert sorted(paths.root.rglob("*")) == before
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    return last


@pytest.mark.parametrize("metric", [name for name in QUICK if name != "quadrature"])
def test_every_metric_of_a_vae(vae: RunPaths, metric: str) -> None:
    body = run(vae, metric)
    assert body["metric"] == metric and body["seeds"] == [0, 1] and body["step"] == 30
    assert body["settings"].items() >= QUICK[metric].items()
    assert set(body["units"]) == set(body["metrics"])
    for entry in body["metrics"].values():
        assert len(entry["values"]) == 2 and all(value is not None for value in entry["values"])
        assert entry["n"] > 0
    read = read_evaluation(vae, metric)
    assert read is not None and read.seconds >= 0 and set(read.metrics) == set(body["metrics"])
    assert body["metrics"] or body["arrays"]
    by_example = read_examples(vae)
    if metric in ("ais", "iwae", "probe"):  # a value for each example
        values, entry = by_example[metric].values, body["metrics"][metric]
        assert values.shape == (2, entry["n"])
        assert values.mean(1) == pytest.approx(entry["values"], rel=1e-5)


def test_what_the_likelihoods_say_of_each_other(vae: RunPaths) -> None:
    """AIS lies above IWAE-10, up to noise, and two members are measured as if each were alone."""
    common = {"images": 12, "precision": "float64"}
    ais = run(vae, "ais", "ais-long", **common, chains=4, temperatures=60, bdmc=40)["metrics"]
    iwae = run(vae, "iwae", "iwae-long", **common)["metrics"]
    for high, low in zip(ais["ais"]["values"], iwae["iwae"]["values"], strict=True):
        assert high > low - 0.5
    for gap, error in zip(ais["bdmc_gap"]["values"], ais["bdmc_gap"]["se"], strict=True):
        assert gap > -4 * error


def test_a_second_time_gives_the_same_numbers(vae: RunPaths) -> None:
    for metric in ("ais", "mmd"):
        assert run(vae, metric)["metrics"] == run(vae, metric, "again")["metrics"]


def test_arrays_lie_beside(vae: RunPaths) -> None:
    expected = {
        "pca": {"points": (2, 50, 3), "explained": (2, 3), "labels": (50,)},
        "tsne": {"points": (2, 40, 2), "labels": (40,)},
        "interpolation": {"images": (2, 3, 4, 8, 8), "data": (3, 2, 8, 8), "z": (2, 3, 4, 3)},
    }
    for metric, shapes in expected.items():
        name = run(vae, metric)["arrays"]
        with np.load(vae.evaluations / name, allow_pickle=False) as arrays:
            assert {key: arrays[key].shape for key in arrays} == shapes


@pytest.mark.check("whole 9", "Evaluation of an energy-based prior includes log Z, without BDMC.")
def test_an_energy_based_prior_gets_its_log_z(lebm: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    exact = run(lebm, "quadrature", images=10, points=300, precision="float64")["metrics"]
    found = run(lebm, "ais", images=10, chains=8, temperatures=200, bdmc=0, precision="float64")["metrics"]
    assert found["log_z"]["values"] == exact["log_z"]["values"]
    for estimate, truth in zip(found["ais"]["values"], exact["quadrature"]["values"], strict=True):
        assert estimate == pytest.approx(truth, abs=0.2)
    settings = {key: value for key, value in QUICK["ais"].items() if key != "bdmc"}
    assert main([str(lebm.root), "ais", json.dumps(settings), "noted"]) == WorkerExit.DONE
    notes = json.loads((lebm.evaluations / "noted.json").read_text())["notes"]
    assert "no exact samples" in " ".join(notes) and "bdmc_gap" not in found
    assert "needs exact samples" in refusal(lebm, "ais", capsys, bdmc=5)
    assert "normalised prior" in refusal(lebm, "iwae", capsys)


def test_metrics_that_make_no_sense_are_refused(
    vae: RunPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "one or two latent dimensions" in refusal(vae, "quadrature", capsys)
    assert "unknown key" in refusal(vae, "ais", capsys, chain=3)
    assert main([str(vae.root), "ais", "{]"]) == WorkerExit.BAD_INPUT
    assert "JSON" in capsys.readouterr().err
    bare = trained("ddpm", tmp_path / "ddpm")
    for metric in ("ais", "iwae", "probe", "rhat", "pca", "tsne", "interpolation"):
        assert "no latents" in refusal(bare, metric, capsys)


def test_a_run_without_a_checkpoint_or_with_that_of_another_model_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no checkpoint" in refusal(write_spec(small_spec("vae", [0]), tmp_path / "bare"), "ais", capsys)
    paths = trained("vae", tmp_path / "changed")
    write_spec(small_spec("vae", [0, 1], 30, model={"latent": 5}), paths.root)
    assert "another version" in refusal(paths, "iwae", capsys)


def test_a_diverged_seed_has_no_values(tmp_path: Path) -> None:
    paths = trained("vae", tmp_path / "half", broken=True)
    for metric in ("iwae", "ais", "probe", "mmd"):
        for entry in run(paths, metric)["metrics"].values():
            assert entry["values"][0] is not None and entry["values"][1] is None
