"""Averaged weights: their recursion, that they are what is evaluated, and that training does not see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.small import finished, load_data, make_trainer, read_rows, small_spec
from workbench.engine import checkpoint, session
from workbench.engine.averaging import evaluated_weights
from workbench.engine.estimates import Subject
from workbench.engine.pretrained import load_frozen
from workbench.engine.trainer import Trainer
from workbench.store.paths import StorePaths


def trained(folder: Path, seeds: list[int], **training: Any) -> Trainer:
    trainer = make_trainer(small_spec("vae", seeds, 12, training=training), folder)
    trainer.run()
    return trainer


@pytest.mark.check("section 15", "The average follows min(decay, t/(10 + t)), per parameter.")
def test_the_average_follows_its_recursion(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("vae", [3, 4], 12, training={"ema": 0.4}), tmp_path)
    expected = {name: torch.zeros_like(weight) for name, weight in trainer.model.named_parameters()}
    for t in range(12):
        trainer.train_step()
        decay = min(0.4, t / (10 + t))
        for name, weight in trainer.model.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * weight.detach()
    found = evaluated_weights(trainer.model.state_dict())
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight)
    assert set(dict(trainer.model.average.named_parameters())) == set()  # no optimiser moves them


def test_training_does_not_see_the_average(tmp_path: Path) -> None:
    plain, average = trained(tmp_path / "plain", [3]), trained(tmp_path / "average", [3], ema=0.9)
    for name, weight in plain.model.named_parameters():
        assert torch.equal(weight, dict(average.model.named_parameters())[name]), name
    assert read_rows(plain.recorder.paths, "train") == read_rows(average.recorder.paths, "train")
    assert read_rows(plain.recorder.paths, "test") != read_rows(average.recorder.paths, "test")


def test_everything_that_looks_at_a_run_sees_the_averaged_weights(tmp_path: Path) -> None:
    store = StorePaths(tmp_path)
    spec = small_spec("vae", [3, 4], 12, training={"ema": 0.9})
    run = store.run(finished(store, spec))
    data, found = load_data(spec), checkpoint.load_newest(run)
    assert found is not None
    state = found.state["model"]
    subject = Subject(run, spec, "float64", data)
    for _ in range(2):  # curves take one state after the other
        subject.take(state)
        assert all(
            torch.equal(weight, state[f"average.{name}"]) for name, weight in subject.model.named_parameters()
        )
    frozen = load_frozen(run, data.info, (4,), data.device, data.dtype)
    for name, weight in frozen.named_parameters():
        assert torch.equal(weight[0], state[f"average.{name}"][1])
    # the last point of the test curve is of the average as well
    again = session.prepare(spec, data, session.Recorder(run))
    again.model.exchange_weights()
    again.model.average = None
    means = again.curve_point("test", 1000)
    assert read_rows(run, "test")[-1]["values"]["nelbo"] == pytest.approx(means["nelbo"].tolist(), rel=1e-12)


def test_early_stopping_keeps_the_average_of_the_best_point(tmp_path: Path) -> None:
    settings = {"ema": 0.5, "patience": 1, "lr": 0.3}
    spec = small_spec(
        "vae", [3, 4], 30, training=settings, data={"validation_size": 40}, evaluation={"every": 3}
    )
    trainer = make_trainer(spec, tmp_path)
    outcome = trainer.run()
    assert outcome.best is not None and any(step < outcome.step for step in outcome.best)
    watched = {row["step"]: row["values"]["nelbo"] for row in read_rows(trainer.recorder.paths, "validation")}
    again = trainer.curve_point("validation", 0)["nelbo"].tolist()
    for member, step in enumerate(outcome.best):
        assert again[member] == pytest.approx(watched[step][member], rel=1e-12)
