"""The presets with Langevin chains, and those that denoise, reach their bars (minutes; docs/results/)."""

from __future__ import annotations

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
