"""A replay names the first non-finite tensor, from a checkpoint or the start, and says when it cannot."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.small import make_trainer, small_spec
from workbench.engine import divergence, session
from workbench.engine.data import DataSet
from workbench.engine.divergence import first_bad_tensor
from workbench.engine.models.vae import VAE
from workbench.engine.process import Stop
from workbench.engine.trainer import Outcome
from workbench.spec.schema import RunSpec
from workbench.store.paths import RunPaths

SEEDS = [5, 6]
BAD = 37  # the update whose gradient is spoilt


def diverged_run(folder: Path, checkpoint_every: int, **training: Any) -> tuple[RunSpec, DataSet, Outcome]:
    training |= {"log_every": 10, "checkpoint_every": checkpoint_every}
    trainer = make_trainer(small_spec("vae", SEEDS, 400, training=training), folder)
    return trainer.spec, trainer.data, trainer.run()


@pytest.fixture
def accident(monkeypatch: pytest.MonkeyPatch) -> None:
    """In update 37 of any VAE the gradient of one weight is no number, in a replay as in the run."""
    whole = VAE.training_step

    def step(self: VAE, *arguments: Any) -> Any:
        weight = self.decoder[2].weight
        assert isinstance(weight, torch.nn.Parameter)
        done = int(self.optimisers["model"].state[weight]["step"])  # a resume carries it along
        if done != BAD - 1:
            return whole(self, *arguments)
        handle = weight.register_hook(lambda gradient: gradient * math.nan)
        try:
            return whole(self, *arguments)
        finally:
            handle.remove()

    monkeypatch.setattr(VAE, "training_step", step)


@pytest.mark.check("whole 9", "The replay names the first non-finite gradient.")
@pytest.mark.parametrize("checkpoint_every", [8, 1000])
def test_the_first_bad_gradient_is_named(accident: None, tmp_path: Path, checkpoint_every: int) -> None:
    spec, data, outcome = diverged_run(tmp_path, checkpoint_every)
    assert (outcome.how, outcome.diverged) == ("diverged", {5: BAD + 1, 6: BAD + 1})
    before = sorted(tmp_path.rglob("*"))
    name = first_bad_tensor(RunPaths(tmp_path), spec, data, outcome.diverged)
    assert name == f"gradient of decoder.2.weight at step {BAD} (seed 5)"
    assert sorted(tmp_path.rglob("*")) == before  # nothing was written


@pytest.mark.check("whole 9", "No checkpoint is kept in which all members have diverged.")
def test_no_checkpoint_is_kept_from_which_all_have_diverged(accident: None, tmp_path: Path) -> None:
    diverged_run(tmp_path, 2)  # checkpoints at 38 (spoilt weights) and 40 would push out 36
    assert sorted(int(path.stem) for path in (tmp_path / "checkpoints").glob("*.pt")) == [34, 36]


@pytest.mark.check("whole 9", "The replay finds the layer that overflows.")
def test_plain_explosion_is_found_in_the_layer_that_overflows(tmp_path: Path) -> None:
    spec, data, outcome = diverged_run(tmp_path, 4, optimiser="sgd", lr=10.0, clip=0.0)
    name = first_bad_tensor(RunPaths(tmp_path), spec, data, outcome.diverged)
    assert name == f"output of decoder.0 at step {outcome.diverged[5]} (seed 5)"


def test_a_rejected_proposal_that_overflows_is_not_blamed(tmp_path: Path) -> None:
    spec = small_spec("lae", SEEDS, 10, model={"step_size": 1e300, "adapt_step": False})
    trainer = make_trainer(spec, tmp_path)
    outputs: list[bool] = []
    trainer.model.decoder[1].register_forward_hook(  # type: ignore[union-attr,index]
        lambda module, inputs, output: outputs.append(bool(output.isfinite().all()))
    )
    assert divergence.watched_step(trainer, 0) == ""
    assert not all(outputs)


def test_what_takes_too_long_or_is_stopped_stays_unnamed(accident: None, tmp_path: Path) -> None:
    spec, data, outcome = diverged_run(tmp_path, 1000)
    arguments = RunPaths(tmp_path), spec, data, outcome.diverged
    assert first_bad_tensor(*arguments, seconds=0.0) == first_bad_tensor(*arguments, lambda: True) == ""


@pytest.mark.check("whole 9", "Result and log contain the first non-finite tensor.")
def test_the_result_and_the_log_hold_the_name_and_a_failing_replay_does_not_cost_the_result(
    accident: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, data, outcome = diverged_run(tmp_path, 8)
    name = session.find_first(RunPaths(tmp_path), spec, data, outcome, Stop())
    assert capsys.readouterr().err == f"first non-finite tensor: {name}\n"
    found = session.result(spec, outcome, {}, "cpu", name)
    assert found["diverged_tensor"] == name
    assert "diverged_tensor" not in session.result(spec, outcome, {}, "cpu")
    monkeypatch.setattr(divergence, "build_model", lambda *arguments: 1 / 0)
    assert session.find_first(RunPaths(tmp_path), spec, data, outcome, Stop()) == ""
    assert capsys.readouterr().err.startswith("The replay failed (ZeroDivisionError")
