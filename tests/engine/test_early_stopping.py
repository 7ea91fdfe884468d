"""Early stopping: when a member stops, what it keeps, and that its neighbours never notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.engine.no_sync import NoSync
from tests.engine.small import load_data, make_trainer, read_rows, small_spec
from workbench.engine import session
from workbench.engine.data.batch import DataInfo
from workbench.engine.early_stopping import EarlyStopping
from workbench.engine.model import LatentModel
from workbench.engine.recorder import Recorder
from workbench.engine.streams import Streams
from workbench.engine.trainer import Outcome, Trainer
from workbench.errors import WorkbenchError
from workbench.spec.models import ModelSettings
from workbench.spec.resolve import resolve
from workbench.spec.schema import RunSpec, TrainingSettings
from workbench.store.paths import RunPaths

SEEDS = [3, 11, 42]


class Counter(LatentModel):
    """Two members whose only weight is the number of the point."""

    def __init__(self) -> None:
        data = DataInfo("none", (1,), "points", 1, 1, 0)
        settings = ModelSettings(kind="counter"), TrainingSettings(epochs=1)
        super().__init__(*settings, data, Streams([0, 1]))
        self.weight = nn.Parameter(torch.zeros(2, 1))
        self.register_buffer("chain", torch.zeros(2, 3))


def stopping_after(values: list[tuple[float, float]], patience: int = 2, min_delta: float = 0.0):
    """Take the values of two members, the k-th while all weights are k."""
    model = Counter()
    early = EarlyStopping(model, patience, min_delta, torch.device("cpu"))
    for k, pair in enumerate(values, 1):
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.fill_(k)
        early.hold()
        early.update(k, {"nelbo": torch.tensor(pair, dtype=torch.float64)}, torch.zeros(2, dtype=torch.bool))
    return early


def test_a_member_stops_after_its_patience_and_keeps_its_best_state() -> None:
    early = stopping_after([(5, 5), (4, 4), (4.5, 3), (4, 2), (1, 1)])
    assert early.best_step.tolist() == [2, 5]  # the first stopped at point 4: its 1 came too late
    assert early.stopped.tolist() == [True, False]
    assert early.best.tolist() == [4, 1]
    assert early.model.weight.flatten().tolist() == [2, 5]
    assert early.model.chain[:, 0].tolist() == [2, 5]
    assert not early.over
    assert stopping_after([(1, 1), (2, 2), (3, 3)]).over


def test_a_fall_smaller_than_min_delta_is_none() -> None:
    falls = [(5.0, 5.0), (4.8, 4.4), (4.6, 3.8), (4.4, 3.2)]
    assert stopping_after(falls, patience=3, min_delta=0.5).best_step.tolist() == [4, 4]  # 4.4 < 5 − 0.5
    assert stopping_after(falls, patience=2, min_delta=0.5).best_step.tolist() == [1, 4]


def test_what_is_not_finite_is_no_better_and_diverged_members_are_not_waited_for() -> None:
    early = stopping_after([(3, float("nan")), (4, float("-nan")), (5, float("inf"))])
    assert early.best_step.tolist() == [1, 0]
    assert early.model.weight.flatten().tolist() == [1, 0]
    early = stopping_after([(1, 1), (2, 0.5)], patience=1)
    assert not early.over
    early.update(3, {"nelbo": torch.tensor([1.0, 0.1])}, torch.tensor([False, True]))
    assert early.over


def test_the_bound_is_watched_before_its_parts_and_nothing_to_watch_is_told() -> None:
    early = stopping_after([])
    values = {"reconstruction": torch.tensor([1.0, 1.0]), "nelbo": torch.tensor([2.0, 3.0])}
    early.update(1, values, torch.zeros(2, dtype=torch.bool))
    assert early.best.tolist() == [2, 3]
    with pytest.raises(WorkbenchError, match=r"nothing on held-out data.*training\.patience to 0"):
        early.update(2, {"mse": torch.ones(2)}, torch.zeros(2, dtype=torch.bool))


# ---- in a run


def stopping_spec(seeds: list[int], **training: Any) -> RunSpec:
    """Few examples and a high rate: every seed overfits, each at its own point."""
    return small_spec(
        "vae",
        seeds,
        400,
        data={"train_size": 90, "validation_size": 40, "test_size": 60, "binarise": "none"},
        training={"patience": 2, "lr": 0.02, "snapshot_every": 0, **training},
        evaluation={"every": 8},
    )


def rows(trainer: Trainer, split: str) -> list[dict[str, Any]]:
    return read_rows(trainer.recorder.paths, split)


def trained(seeds: list[int], folder: Path) -> tuple[Trainer, Outcome]:
    trainer = make_trainer(stopping_spec(seeds), folder)
    return trainer, trainer.run()


def results(trainer: Trainer, outcome: Outcome) -> dict[str, Any]:
    metrics = session.evaluate(trainer.model, trainer.data, trainer.spec, outcome)
    metrics.pop("training_seconds")
    return metrics


def test_a_members_result_does_not_depend_on_when_the_others_stop(tmp_path: Path) -> None:
    together, outcome = trained(SEEDS, tmp_path / "together")
    assert outcome.how == "finished" and outcome.step < 400
    assert len(set(outcome.best)) > 1  # they stopped at different points, or this would show nothing
    whole = results(together, outcome)
    for member, seed in enumerate(SEEDS):
        solo, ended = trained([seed], tmp_path / str(seed))
        assert ended.best == [outcome.best[member]]
        for name, value in solo.model.state_dict().items():
            own = together.model.state_dict()[name][member]
            torch.testing.assert_close(own, value[0], rtol=1e-9, atol=1e-12)
        for name, found in results(solo, ended).items():
            assert whole[name]["values"][member] == pytest.approx(found["values"][0], rel=1e-9), name
        for row, other in zip(rows(together, "validation"), rows(solo, "validation"), strict=False):
            assert row["values"]["nelbo"][member] == pytest.approx(other["values"]["nelbo"][0], rel=1e-9)


def test_the_kept_state_is_that_of_the_best_point(tmp_path: Path) -> None:
    trainer, outcome = trained(SEEDS[:2], tmp_path)
    curve = {row["step"]: row["values"]["nelbo"] for row in rows(trainer, "validation")}
    for member, step in enumerate(outcome.best):
        assert curve[step][member] == min(values[member] for values in curve.values())
    parts = list(trainer.data.chunks("validation", trainer.streams.fork("validation")))
    again: Tensor = trainer.model.evaluate(parts[0].x, trainer.streams.fork("validation"))["nelbo"].mean(1)
    assert again.tolist() == pytest.approx([curve[s][m] for m, s in enumerate(outcome.best)], rel=1e-9)
    assert results(trainer, outcome)["best_step"]["values"] == outcome.best
    shown = sorted(int(path.stem) for path in trainer.recorder.paths.samples.iterdir())
    assert shown[-1] == outcome.step  # what is shown last is what was kept


def test_a_run_resumed_at_any_point_ends_with_the_same_bits(tmp_path: Path) -> None:
    def attempt(folder: Path, stop_at: int | None) -> tuple[Trainer, Outcome]:
        folder.mkdir(exist_ok=True)
        spec = stopping_spec(SEEDS, checkpoint_every=1000)
        trainer = session.prepare(spec, load_data(spec), Recorder(RunPaths(folder)))
        trainer.stop = lambda: trainer.step == stop_at
        return trainer, trainer.run()

    straight, outcome = attempt(tmp_path / "straight", None)
    first = min(outcome.best) + 2 * 8  # where the first member stopped
    for stop_at in (5, first - 1, first, first + 3):
        assert attempt(tmp_path / "broken", stop_at)[1].how == "stopped"
    broken, ended = attempt(tmp_path / "broken", None)
    assert (ended.step, ended.best) == (outcome.step, outcome.best)
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, broken.model.state_dict()[name]), name
    assert results(straight, outcome) == results(broken, ended)
    again, last = attempt(tmp_path / "broken", None)  # only the evaluation had failed
    assert (last.step, last.best) == (outcome.step, outcome.best)
    assert results(again, last) == results(broken, ended)


@pytest.mark.check("whole 8", "The step of an early-stopped member never waits for the device.")
def test_a_stopped_members_step_does_not_wait_for_the_device(tmp_path: Path) -> None:
    trainer = make_trainer(stopping_spec(SEEDS), tmp_path)
    trainer.train_step()
    trainer.early.stopped[1], trainer.early.any_stopped = True, True
    before = {name: value[1].clone() for name, value in trainer.early.kept.items()}
    with NoSync():
        trainer.train_step()
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value[1], before[name]), name
        assert value.dim() < 2 or not torch.equal(value[0], trainer.early.kept[name][0]), name


def test_without_patience_nothing_is_held_out(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("vae", [0], 10), tmp_path)
    assert trainer.run().best is None
    assert not rows(trainer, "validation")


# ---- settings


def test_patience_without_held_out_examples_is_refused_with_what_to_do() -> None:
    with pytest.raises(WorkbenchError, match=r"set data\.validation_size"):
        resolve("vae-digits", ["training.patience=5"])
    resolve("vae-digits", ["training.patience=5", "data.validation_size=140"])
