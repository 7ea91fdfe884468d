"""The AVB toys reach their known optimum −ln n (slow; results in docs/results/avb.md)."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.engine.small import make_trainer
from workbench.engine.evaluation.summary import summarise
from workbench.spec.resolve import resolve


@pytest.mark.check("whole 4", "The toy problems reach −ln n.")
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("preset", "codes", "iterations", "gap"),
    [("avb-onehot4", 4, 3000, 0.05), ("avb-onehot8", 8, 4000, 0.10), ("avb-bits8-16", 16, 4000, 0.10)],
)
def test_a_toy_comes_near_its_optimum(
    preset: str, codes: int, iterations: int, gap: float, tmp_path: Path
) -> None:
    spec = resolve(preset, seeds="0,1")
    assert (spec.training.iterations or math.inf) <= iterations
    trainer = make_trainer(spec, tmp_path)
    assert trainer.run().how == "finished"
    summary = summarise(trainer.model, trainer.data, spec.evaluation, trainer.streams)
    for value in summary["log_px"]["values"]:
        assert -math.log(codes) - gap < value <= -math.log(codes)
    # the bound of the fitted proposal must lie below, and the samples must be the codes
    for bound, exact in zip(summary["test_iwae"]["values"], summary["log_px"]["values"], strict=True):
        assert -bound < exact + 0.02
    assert all(value < 0.02 for value in summary["energy_distance"]["values"])
