"""Presets of AVB, with Langevin chains, and those that denoise reach their bars (minutes; docs/results/)."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.engine.small import make_trainer
from workbench.engine.evaluation.summary import Summary, summarise
from workbench.spec.resolve import resolve

pytestmark = pytest.mark.slow


def trained(preset: str, folder: Path, seeds: str, changes: tuple[str, ...] = ()) -> Summary:
    """Train a preset as it is shipped, but for `changes`, and return its result's columns."""
    spec = resolve(preset, changes, seeds=seeds)
    trainer = make_trainer(spec, folder)
    assert trainer.run().how == "finished"
    return summarise(trainer.model, trainer.data, spec.evaluation, trainer.streams.fork("test"))


@pytest.mark.parametrize(("preset", "bar"), [("lae-digits", 0.025), ("lebm-digits", 0.040)])
def test_digits_are_reconstructed(preset: str, bar: float, tmp_path: Path) -> None:
    assert max(trained(preset, tmp_path, "3")["test_mse"]["values"]) < bar


@pytest.mark.check("whole 6", "LEBM: an energy distance on make_moons below half of f = 0.")
@pytest.mark.parametrize(
    ("preset", "control"),
    [("lebm-moons", ("lebm-moons-flat",)), ("lebm-ti-moons", ("lebm-ti-moons", "model.flat_prior=true"))],
)
def test_the_learnt_prior_samples_moons_better_than_the_flat_one(
    preset: str, control: tuple[str, ...], tmp_path: Path
) -> None:
    learnt = trained(preset, tmp_path / "learnt", "1")["energy_distance"]["values"][0]
    flat = trained(control[0], tmp_path / "flat", "1", control[1:])["energy_distance"]["values"][0]
    assert learnt < 0.010
    assert learnt < flat / 2


@pytest.mark.check("whole 6", "DDPM and DSM: an energy distance on make_moons below 0.010.")
@pytest.mark.parametrize("preset", ["ddpm-moons", "dsm-moons"])
def test_denoising_models_sample_the_moons(preset: str, tmp_path: Path) -> None:
    assert max(trained(preset, tmp_path, "3")["energy_distance"]["values"]) < 0.010


@pytest.mark.check("whole 4", "The toy problems reach −ln n.")
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("preset", "codes", "iterations", "gap"),
    [("avb-onehot4", 4, 3000, 0.05), ("avb-onehot8", 8, 4000, 0.10), ("avb-bits8-16", 16, 4000, 0.10)],
)
def test_a_toy_comes_near_its_optimum(
    preset: str, codes: int, iterations: int, gap: float, tmp_path: Path
) -> None:
    assert (resolve(preset).training.iterations or math.inf) <= iterations
    summary = trained(preset, tmp_path, "0,1")
    for value in summary["log_px"]["values"]:
        assert -math.log(codes) - gap < value <= -math.log(codes)
    # the bound of the fitted proposal must lie below, and the samples must be the codes
    for bound, exact in zip(summary["test_iwae"]["values"], summary["log_px"]["values"], strict=True):
        assert -bound < exact + 0.02
    assert all(value < 0.02 for value in summary["energy_distance"]["values"])
