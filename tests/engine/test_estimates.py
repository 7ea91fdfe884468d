"""Estimates that a spec asks for: their curves and files, and that training and its result never notice."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.forked import ForkedWorker
from tests.engine.small import load_data, read_rows, small_spec
from tests.engine.test_worker import inside, prepare, run
from tests.queue.chaos import until
from workbench.engine import evaluate, session
from workbench.engine.models.vae import VAE
from workbench.engine.process import StopRequested
from workbench.engine.recorder import Recorder
from workbench.engine.trainer import Trainer
from workbench.spec.metrics import METRICS
from workbench.store.evaluations import read_evaluation
from workbench.store.files import read_json
from workbench.store.paths import RunPaths

__all__ = ["inside"]  # a fixture
SEEDS = [0, 1]
QUICK = [
    "ais images=4 chains=2 temperatures=6 leapfrogs=2 bdmc=2 precision=float64",
    "energy samples=60 draws=2 null_draws=20",
    "pca images=30",
]


def break_down(*arguments: Any) -> None:
    raise RuntimeError("a bug\nwith more lines")


def spec_with(estimates: list[str], every: int = 0, iterations: int = 24, **changes: Any) -> Any:
    evaluation = {"estimates": estimates, "estimates_every": every} | changes.pop("evaluation", {})
    return small_spec("vae", SEEDS, iterations, evaluation=evaluation, **changes)


def trainer_of(spec: Any, folder: Path) -> Trainer:
    folder.mkdir(exist_ok=True)
    return session.prepare(spec, load_data(spec), Recorder(RunPaths(folder)))


def rows(trainer: Trainer) -> list[dict[str, Any]]:
    return read_rows(trainer.recorder.paths)


def curve(trainer: Trainer, name: str) -> dict[int, list[Any]]:
    return {row["step"]: row["values"][name] for row in rows(trainer) if name in row["values"]}


def test_curves_are_of_the_model_as_it_is_then_and_have_names_and_units(tmp_path: Path) -> None:
    trainer = trainer_of(spec_with(QUICK, every=8), tmp_path / "run")
    trainer.run()
    found = [row for row in rows(trainer) if "ais" in row["values"]]
    assert [row["step"] for row in found] == [8, 16]  # the last step belongs to the files
    assert all(row["split"] == "test" and set(row["values"]) <= set(METRICS) for row in found)
    assert {"ais", "bdmc_gap", "sample_energy", "sample_energy_null"} <= set(found[0]["values"])
    assert "pca_explained" not in found[0]["values"]
    short = trainer_of(spec_with(QUICK, every=8, iterations=8), tmp_path / "short")
    short.run()
    assert short.watch(short.model, [False, False]) == found[0]["values"]  # as of a run that ends there


def attempt(folder: Path, stop_at: int | None, in_estimate: bool = False) -> Trainer:
    """Train from the newest checkpoint; stop after that step, or in the estimate that follows it."""
    spec = spec_with(QUICK[:1], every=6, training={"checkpoint_every": 8, "log_every": 4})
    trainer = trainer_of(spec, folder)
    trainer.stop = lambda: trainer.step == stop_at
    if in_estimate:
        asked: list[bool] = []
        trainer.stop, watch = lambda: bool(asked), trainer.watch

        def interrupted(*arguments: Any) -> dict[str, list[float]]:
            values = watch(*arguments)
            if trainer.step == stop_at:
                asked.append(True)
                raise StopRequested
            return values

        trainer.watch = interrupted
    assert trainer.run().how == ("finished" if stop_at is None else "stopped")
    return trainer


def test_a_run_resumed_anywhere_even_within_an_estimate_has_the_same_curves(tmp_path: Path) -> None:
    straight = attempt(tmp_path / "straight", None)
    attempt(tmp_path / "broken", 3)
    attempt(tmp_path / "broken", 6)  # before the estimate of step 6
    broken = attempt(tmp_path / "broken", 12, in_estimate=True)
    assert set(curve(broken, "ais")) == {6}
    assert (tmp_path / "broken" / "checkpoints" / "12.pt").exists()
    attempt(tmp_path / "broken", 16)
    with (tmp_path / "broken" / "metrics.jsonl").open("a") as file:  # a crash after the point of step 18
        file.write('{"step": 18, "epoch": 1, "seconds": 1, "split": "test", "values": {"ais": [1, 2]}}\n')
    broken = attempt(tmp_path / "broken", None)
    assert rows(broken) == rows(straight)
    assert set(curve(broken, "ais")) == {6, 12, 18}
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, broken.model.state_dict()[name]), name


def test_an_estimate_that_fails_draws_no_curve_and_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(VAE, "proposal", break_down)
    spec = spec_with(["ais images=4", "iwae images=4", *QUICK[1:]], every=6)
    trainer = trainer_of(spec, tmp_path / "run")
    assert trainer.run().how == "finished"
    assert set(curve(trainer, "sample_energy")) == {6, 12, 18}
    messages = [line for line in capsys.readouterr().err.splitlines() if "no curve" in line]
    assert messages == [f"no curve of {metric}: RuntimeError: a bug." for metric in ("ais", "iwae")]


def test_a_diverged_member_has_no_points(tmp_path: Path) -> None:
    trainer = trainer_of(spec_with(QUICK[:2], every=8), tmp_path / "run")
    with torch.no_grad():
        next(trainer.model.parameters())[1] = torch.nan
    trainer.run()
    for values in curve(trainer, "ais").values():
        assert values[0] is not None and values[1] is None


def asked(folder: Path, estimates: list[str], **changes: Any) -> RunPaths:
    every = changes.pop("every", 0)
    return prepare(folder, evaluation={"estimates": estimates, "estimates_every": every}, **changes)


def result_of(paths: RunPaths) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(paths.result.read_text())["metrics"]
    found.pop("training_seconds")
    return found


def test_at_the_end_they_are_what_evaluate_would_find_and_no_part_of_the_result(
    tmp_path: Path, inside: None
) -> None:
    plain, paths = prepare(tmp_path / "plain"), asked(tmp_path / "run", QUICK, every=10)
    assert run(plain) == run(paths) == 0
    assert result_of(plain) == result_of(paths)
    for text in QUICK:
        metric, *sets = text.split()
        found = read_evaluation(paths, metric)
        assert found is not None and found.step == 20 and found.metrics
        pairs = (text.split("=") for text in sets)
        settings = json.dumps({k: json.loads(v) if v.isdigit() else v for k, v in pairs})
        assert evaluate.main([str(paths.root), metric, settings, "later"]) == 0
        later = read_evaluation(paths, "later")
        assert later is not None and later.metrics == found.metrics
    points = {row["step"]: row["values"]["ais"] for row in read_rows(paths) if "ais" in row["values"]}
    assert list(points) == [10, 20]
    assert points[20] == list(read_evaluation(paths, "ais").metrics["ais"].values)


def test_a_failing_one_is_reported_and_the_result_is_there(
    tmp_path: Path, inside: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(VAE, "proposal", break_down)
    monkeypatch.setattr("workbench.engine.evaluation.summary.choose_proposal", lambda *a: None)
    too_few = "tsne images=16 perplexity=900"  # scikit-learn refuses it
    paths = asked(tmp_path / "run", ["rhat", too_few, "energy samples=60 null_draws=20"])
    assert run(paths) == 0
    assert json.loads(paths.result.read_text())["outcome"] == "finished"
    rhat, tsne, energy = (read_evaluation(paths, metric) for metric in ("rhat", "tsne", "energy"))
    assert rhat is not None and rhat.notes == ("Not measured: RuntimeError: a bug.",) and not rhat.metrics
    assert tsne is not None and tsne.notes[0].startswith("Not measured: ") and not tsne.metrics
    assert energy is not None and energy.metrics and not energy.notes
    assert "rhat was not measured: RuntimeError: a bug." in capsys.readouterr().err


def test_a_run_that_diverged_is_not_measured(tmp_path: Path, inside: None) -> None:
    training = {"lr": 10.0, "optimiser": "sgd", "precision": "float32", "clip": 0.0}
    model = {"kind": "vae", "likelihood": "gaussian"}
    paths = asked(tmp_path / "run", ["iwae images=4 draws=2"], iterations=400, training=training, model=model)
    assert run(paths) == 0
    assert json.loads(paths.result.read_text())["outcome"] == "diverged"
    assert not paths.evaluations.exists()


SLOW = "ais images=2 chains=2 temperatures=200000 bdmc=0"


def until_measuring(process: ForkedWorker, paths: RunPaths, tries: int) -> None:
    def measuring() -> bool:
        assert process.poll() is None
        found = read_json(paths.evaluations / "ais.json")
        return isinstance(found, dict) and found.get("tries") == tries

    until(measuring, 60)


def test_a_stop_in_an_estimate_between_two_steps_leaves_a_checkpoint(tmp_path: Path) -> None:
    paths = asked(tmp_path / "run", [SLOW], every=10)
    process = ForkedWorker(paths.root)
    until(lambda: paths.metrics.exists() and '"step": 10' in paths.metrics.read_text(), 60)
    time.sleep(0.3)  # into the estimate
    asked_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code, errors = process.finish()
    assert code == 76 and time.monotonic() - asked_at < 10, errors
    assert (paths.checkpoints / "10.json").exists()


def test_a_stop_or_a_kill_in_an_estimate_loses_nothing(tmp_path: Path, inside: None) -> None:
    paths = asked(tmp_path / "run", ["energy samples=60 null_draws=20", SLOW])
    process = ForkedWorker(paths.root)
    until_measuring(process, paths, 1)
    first = (paths.evaluations / "energy.json").read_text()
    process.send_signal(signal.SIGTERM)
    code, errors = process.finish()
    assert code == 76, errors
    assert not paths.result.exists() and read_evaluation(paths, "ais") is None
    for tries in (1, 2):  # two workers are killed over it: a third leaves it out
        process = ForkedWorker(paths.root)
        until_measuring(process, paths, tries)
        process.send_signal(signal.SIGKILL)
        process.finish()
        assert not paths.result.exists()
    assert run(paths) == 0
    assert json.loads(paths.result.read_text())["outcome"] == "finished"
    assert (paths.evaluations / "energy.json").read_text() == first  # not measured again
    left = read_evaluation(paths, "ais")
    assert left is not None and not left.metrics and "killed" in left.notes[0]
