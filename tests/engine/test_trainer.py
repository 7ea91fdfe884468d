"""The training loop: when things happen, what is written, divergence, stopping."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.no_sync import NoSync
from tests.engine.small import load_data, make_trainer, read_rows, small_spec
from workbench.engine import checkpoint, session
from workbench.engine.recorder import Recorder
from workbench.engine.trainer import Cadence, Trainer
from workbench.store.paths import RunPaths


def rows(trainer: Trainer, split: str = "train") -> list[dict[str, Any]]:
    return read_rows(trainer.recorder.paths, split, seconds=True)


def cadence(**training: Any) -> Cadence:
    return Cadence.of(small_spec("vae", [0], training={"snapshot_every": 0, **training}), 1437)


def test_the_first_points_come_at_once_and_then_about_two_hundred() -> None:
    found = cadence(iterations=18_000)
    steps = [step for step in range(1, 18_001) if found.logs(step)]
    assert steps[:6] == [1, 2, 5, 10, 90, 180]
    assert len(steps) == 204
    assert steps[-1] == 18_000


def test_intervals_that_are_given_are_kept() -> None:
    found = cadence(iterations=1000, log_every=30, snapshot_every=400)
    assert [step for step in range(1, 1001) if found.logs(step)][3:6] == [10, 30, 60]
    assert [step for step in range(1, 1001) if found.snapshots(step)] == [10, 400, 800, 1000]


def test_epochs_are_counted_in_examples_of_one_seed() -> None:
    spec = small_spec("vae", [0], training={"iterations": None, "epochs": 3, "batch": 100})
    assert Cadence.of(spec, 1437).total == 44  # 3 × 1437 examples in batches of 100


def test_a_point_is_the_mean_since_the_point_before(tmp_path: Path) -> None:
    specs = {k: small_spec("vae", [0, 1], 20, training={"log_every": k}) for k in (4, 1)}
    coarse, fine = trainers = [make_trainer(spec, tmp_path / str(k)) for k, spec in specs.items()]
    for trainer in trainers:
        trainer.run()
    losses = np.array([row["values"]["loss"] for row in rows(fine)])
    assert [row["step"] for row in rows(coarse)] == [1, 2, 4, 8, 12, 16, 20]
    np.testing.assert_allclose(rows(coarse)[2]["values"]["loss"], losses[2:4].mean(0))
    np.testing.assert_allclose(rows(coarse)[3]["values"]["loss"], losses[4:8].mean(0))


def test_rows_have_epoch_and_time_and_test_rows_the_whole_subset(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("vae", [0], 30), tmp_path)
    trainer.run()
    seconds = [row["seconds"] for row in rows(trainer)]
    assert seconds == sorted(seconds)
    assert rows(trainer)[-1]["epoch"] == pytest.approx(30 * 20 / 1437, abs=1e-3)
    tested = rows(trainer, "test")
    assert [row["step"] for row in tested] == [10, 20, 30]
    assert set(tested[0]["values"]) == {"nelbo", "reconstruction", "kl", "mse"}
    x = next(trainer.data.chunks("test", trainer.streams.fork("validation"), 360)).x
    # the same noise at every point: only the weights move the curve
    expected = trainer.model.evaluate(x, trainer.streams.fork("validation"))["mse"].mean()
    assert tested[-1]["values"]["mse"][0] == pytest.approx(expected.item(), rel=1e-9)


def test_looking_more_often_does_not_change_what_is_learnt(tmp_path: Path) -> None:
    weights = []
    for every in (1, 20):
        spec = small_spec("vae", [0], 20, evaluation={"every": every}, training={"snapshot_every": every})
        trainer = make_trainer(spec, tmp_path / str(every))
        trainer.run()
        weights.append(trainer.model.parameters())
    for left, right in zip(*weights, strict=True):
        assert torch.equal(left, right)


def test_snapshots_hold_samples_beside_data_and_latents_with_labels(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("vae", [0, 1], 12), tmp_path)
    trainer.run()
    paths = trainer.recorder.paths
    assert sorted(int(p.stem) for p in paths.samples.iterdir()) == [10, 12]
    with np.load(paths.samples / "12.npz") as shown:
        assert shown["images"].shape == (2, 36, 8, 8)
        assert shown["data"].shape == (36, 8, 8)
        assert shown["images"].dtype == shown["data"].dtype == np.uint8
    with np.load(paths.latents / "12.npz") as shown:
        assert (shown["z"].shape, shown["z"].dtype) == ((2, 360, 3), np.float32)
        assert shown["labels"].dtype == np.int64
        assert shown["reconstructions"].shape == shown["originals"].shape == (2, 12, 8, 8)
        assert shown["reconstructions"].dtype == shown["originals"].dtype == np.uint8
        with torch.no_grad():
            decoded = trainer.model.decode(torch.from_numpy(shown["z"][:, :12]).double()).numpy()
        again = shown["reconstructions"].reshape(2, 12, 64) / 255
        assert np.abs(decoded.clip(0, 1) - again).max() <= 0.5 / 255 + 1e-6
        assert (shown["labels"] == trainer.data.labels("test").numpy()).all()


def test_each_seed_is_shown_the_binarised_pixels_that_it_encoded(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("vae", [0, 1], 10, data={"binarise": "dynamic"}), tmp_path)
    encoded: list[torch.Tensor] = []
    encode = trainer.model.encode
    trainer.model.encode = lambda x, streams: encoded.append(x) or encode(x, streams)  # type: ignore[method-assign,func-returns-value]
    trainer.run()
    with np.load(trainer.recorder.paths.latents / "10.npz") as shown:
        assert any(
            np.array_equal(shown["originals"].reshape(2, 12, 64), 255 * x[:, :12].numpy()) for x in encoded
        )
        assert (shown["originals"][0] != shown["originals"][1]).any()


def test_points_are_shown_as_points(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("vae", [0], 10, data={"name": "moons", "binarise": "none"}), tmp_path)
    trainer.run()
    with np.load(trainer.recorder.paths.samples / "10.npz") as shown:
        assert (shown["points"].shape, shown["points"].dtype) == ((1, 1000, 2), np.float32)
        assert shown["data"].shape == (1000, 2)


def spoil(trainer: Trainer, member: int, step: int) -> None:
    """Make `member` diverge in the update after `step`."""
    whole = trainer.model.training_step

    def step_with_accident(*arguments: Any) -> Any:
        if trainer.step == step:
            with torch.no_grad():
                next(trainer.model.parameters())[member] = math.inf
        return whole(*arguments)

    trainer.model.training_step = step_with_accident  # type: ignore[method-assign]


@pytest.mark.check("whole 9", "A diverged member is masked and reported with its first bad step.")
def test_a_diverged_member_is_reported_with_its_first_bad_step(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("vae", [5, 6, 7], 20, training={"log_every": 5}), tmp_path)
    spoil(trainer, 1, step=12)
    outcome = trainer.run()
    assert (outcome.how, outcome.diverged) == ("finished", {6: 13})
    values = {row["step"]: row["values"]["loss"] for row in rows(trainer)}
    assert all(value is not None for value in values[10])
    assert [value is None for value in values[15]] == [False, True, False]
    assert rows(trainer)[-1]["nonfinite"]["loss"] == [None, "nan", None]
    metrics = session.evaluate(trainer.model, trainer.data, trainer.spec, outcome)
    assert [value is None for value in metrics["test_nelbo"]["values"]] == [False, True, False]
    assert metrics["test_nelbo"]["se"][1] is None


@pytest.mark.check("whole 9", "The run ends when all members have diverged.")
def test_when_all_have_diverged_the_run_ends(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("vae", [5, 6], 100, training={"log_every": 10}), tmp_path)
    spoil(trainer, 0, step=3)
    spoil(trainer, 1, step=24)
    outcome = trainer.run()
    assert (outcome.how, outcome.step) == ("diverged", 30)
    assert outcome.diverged == {5: 4, 6: 25}
    found = session.result(trainer.spec, outcome, {}, "cpu")
    assert (found["outcome"], found["diverged"]) == ("diverged", {"5": 4, "6": 25})


def test_weights_spoilt_by_the_last_update_are_noticed(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("vae", [5, 6], 3), tmp_path)
    whole = trainer.model.training_step

    def last(*arguments: Any) -> Any:
        metrics = whole(*arguments)
        if trainer.step == 2:
            with torch.no_grad():
                list(trainer.model.parameters())[-1][0] = math.nan
        return metrics

    trainer.model.training_step = last  # type: ignore[method-assign]
    assert trainer.run().diverged == {5: 3}


def test_a_stop_leaves_a_checkpoint_of_that_step(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("vae", [0], 30), tmp_path)
    trainer.stop = lambda: trainer.step >= 7
    outcome = trainer.run()
    assert (outcome.how, outcome.step) == ("stopped", 7)
    assert checkpoint.load_newest(trainer.recorder.paths).step == 7


def test_a_finished_training_is_not_repeated_when_only_the_evaluation_failed(tmp_path: Path) -> None:
    spec = small_spec("vae", [0], 10)
    first = make_trainer(spec, tmp_path)
    first.run()
    again = session.prepare(spec, load_data(spec), Recorder(RunPaths(tmp_path)))
    assert again.step == again.run().step == 10
    assert rows(again) == rows(first)


def test_a_linear_schedule_reaches_the_optimiser(tmp_path: Path) -> None:
    training = {"schedule": "linear", "decay_from": 0.5, "decay_to": 0.1, "lr": 0.01}
    trainer = make_trainer(small_spec("vae", [0], 10, training=training), tmp_path)
    trainer.run()
    (group,) = trainer.model.optimisers["model"].param_groups
    assert group["lr"] == pytest.approx(0.01 * (1 - 0.9 * 4 / 5))  # the last update is the one after step 9


@pytest.mark.check("whole 8", "The guard used by these tests detects waits.")
@pytest.mark.parametrize(
    "waiting",
    [
        lambda x: x.sum().item(),
        lambda x: x.tolist(),
        lambda x: x[x > 0],
        lambda x: x.masked_select(x > 0),
        lambda x: 1 if x.sum() > 0 else 0,
        lambda x: x.nonzero(),
        lambda x: x.cpu(),
        lambda x: x.numpy(),
    ],
)
def test_the_watchman_of_the_contract_test_sees_waits(waiting: Any) -> None:
    with NoSync(), pytest.raises(AssertionError, match="waits"):
        waiting(torch.ones(3))
