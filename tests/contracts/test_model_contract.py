"""What every model family must keep, whatever it trains: a test per promise of engine/model.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from torch import Tensor

from tests.engine.no_sync import NoSync
from tests.engine.small import FAMILIES, load_data, make_trainer, small_spec
from workbench.engine import mixtures, session
from workbench.engine.early_stopping import EarlyStopping
from workbench.engine.evaluation import evidence
from workbench.engine.evaluation.entry import values_of
from workbench.engine.health import health
from workbench.engine.model import LatentModel
from workbench.engine.recorder import Recorder
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.spec.metrics import METRICS
from workbench.spec.models import settings_class
from workbench.store.paths import RunPaths

SEEDS = [3, 11, 42]
STEPS = 8  # for moons in batches of 30 the last one is of the second epoch


@pytest.fixture(params=sorted(FAMILIES), scope="module")
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(autouse=True, scope="module")
def rough_fits() -> Iterator[None]:
    """Cut EM and annealing short: contracts hold for poor fits too, and good ones have their own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixtures, "LONGEST", 3)
        patch.setattr(evidence, "LOG_Z_TEMPERATURES", 4)
        yield


def train(family: str, seeds: list[int], folder: Path) -> Trainer:
    trainer = make_trainer(small_spec(family, seeds, STEPS, evaluation={"every": 5}), folder)
    trainer.run()
    return trainer


@pytest.fixture(scope="module")
def together(family: str, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A trained ensemble, shared by tests that only read it."""
    return train(family, SEEDS, tmp_path_factory.mktemp("together"))


@pytest.fixture(scope="module")
def alone(family: str, tmp_path_factory: pytest.TempPathFactory) -> list[Trainer]:
    """Its members, each trained in a run of its own; only read, too."""
    return [train(family, [seed], tmp_path_factory.mktemp("alone")) for seed in SEEDS]


def state_of(trainer: Trainer) -> dict[str, Tensor]:
    """All tensors that a run carries along, by name, each with the members first."""
    state = dict(trainer.model.state_dict())
    for name, optimiser in trainer.model.optimisers.items():
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        for position, parameter in enumerate(parameters):
            for key, value in optimiser.state.get(parameter, {}).items():
                if isinstance(value, Tensor) and value.dim() > 0:
                    state[f"{name}/{position}/{key}"] = value
    return {name: value.detach().clone() for name, value in state.items()}


def test_a_member_trains_as_if_it_were_alone(together: Trainer, alone: list[Trainer]) -> None:
    whole = state_of(together)
    for member, solo in enumerate(alone):
        for name, value in state_of(solo).items():
            torch.testing.assert_close(
                whole[name][member], value[0], rtol=1e-9, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}"
            )
        for row, other in zip(rows(together), rows(solo), strict=True):
            for name, values in row["values"].items():
                assert values[member] == pytest.approx(other["values"][name][0], rel=1e-9, abs=1e-12), name


def rows(trainer: Trainer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trainer.recorder.paths.metrics.read_text().splitlines()]


def run_attempt(family: str, folder: Path, stop_at: int | None) -> Trainer:
    """Train in `folder` from its newest checkpoint, up to `stop_at` or the end."""
    folder.mkdir(exist_ok=True)
    training = {"checkpoint_every": 6, "log_every": 4, "snapshot_every": 9}
    training |= {"precision": "float32", "ema": 0.9, "warmup": 5}
    spec = small_spec(family, SEEDS[:2], 15, training=training, evaluation={"every": 5})
    trainer = session.prepare(spec, load_data(spec), Recorder(RunPaths(folder)))
    trainer.stop = lambda: trainer.step == stop_at
    outcome = trainer.run()
    assert outcome.how == ("finished" if stop_at is None else "stopped")
    return trainer


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(family: str, tmp_path: Path) -> None:
    straight = run_attempt(family, tmp_path / "straight", None)
    for stop_at in (2, 7, 12):  # in the middle of an epoch, of a logging interval, on a checkpoint
        run_attempt(family, tmp_path / "broken", stop_at)
    # a crash: rows were written after the checkpoint that the next attempt starts from
    with (tmp_path / "broken" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 13, "epoch": 1, "seconds": 1, "split": "train", "values": {}}\n{"step": 14')
    broken = run_attempt(family, tmp_path / "broken", None)
    left, right = state_of(straight), state_of(broken)
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name]), name
    assert without_times(rows(straight)) == without_times(rows(broken))
    results = []
    for trainer in (straight, broken):
        outcome = trainer.run()  # no step is left
        results.append(session.evaluate(trainer.model, trainer.data, trainer.spec, outcome))
        examples = values_of(results[-1])
        del results[-1]["training_seconds"]
        for name, values in examples.items():  # [S, n], whose mean is the result
            assert values.shape == (len(trainer.spec.seeds), results[-1][name]["n"])
            assert values.mean(1).tolist() == pytest.approx(results[-1][name]["values"], rel=1e-5)
        bounds = {"test_nelbo", "test_iwae", "test_mse", "test_nll", "log_px", "ti_log_px", "nelbo_best_std"}
        assert (bounds & results[-1].keys()) - examples.keys() <= {"log_px"}  # of a code book, by its codes
    assert results[0] == results[1]


def without_times(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in found]


@pytest.mark.check("whole 8", "No training step waits for the device, in any family.")
def test_a_training_step_never_waits_for_the_device(family: str, tmp_path: Path) -> None:
    trainer = make_trainer(small_spec(family, SEEDS, training={"ema": 0.9, "schedule": "cosine"}), tmp_path)
    trainer.train_step()  # the first step may set things up
    with NoSync():
        for _ in range(3):
            trainer.train_step()


def test_curves_of_estimates_leave_no_trace_in_training(family: str, tmp_path: Path) -> None:
    kind = settings_class(FAMILIES[family]["model"]["kind"])
    texts = [f"ais images=2 chains=2 temperatures=2 leapfrogs=1{'' if kind.has_energy_prior else ' bdmc=2'}"]
    texts = texts * kind.has_latents + ["energy samples=20 draws=2 null_draws=20"] * kind.has_samples
    if kind.has_energy_prior:
        texts.append("gradient-variance images=2 batches=2 repeats=2 temperatures=2 steps=2")
    if not texts:
        pytest.skip(f"{family} has nothing to estimate")
    estimates = {"estimates": texts, "estimates_every": 2}
    trainers = []
    for name, changes in (("plain", {}), ("watched", {"evaluation": estimates})):
        spec = small_spec(family, SEEDS[:2], 4, **changes)
        (tmp_path / name).mkdir()
        trainers.append(session.prepare(spec, load_data(spec), Recorder(RunPaths(tmp_path / name))))
        trainers[-1].run()
    left, right = map(state_of, trainers)
    assert all(torch.equal(left[name], right[name]) for name in left)
    plain, watched = (without_times(rows(trainer)) for trainer in trainers)
    points = [row for row in watched if row not in plain]
    assert [row["step"] for row in points] == [2]
    assert all(set(row["values"]) <= set(METRICS) for row in points)
    assert [row for row in watched if row in plain] == plain


# numbers that switch code of a training step on or off
NUMBERS = [
    ("vae", "l2", 0.1),
    ("vae", "free_bits", 0.1),
    ("vae", "beta_warmup", 0.5),
    ("binary-vae", "tau_rate", 0.01),
    ("avb", "adversary_steps", 3),
    ("avb", "adversary_first", 2),
    ("lebm", "clamp", 3.0),
    ("lebm", "f_l2", 0.01),
    ("ddpm", "ema", 0.0),
    ("dsm", "ema", 0.0),
    ("classifier", "dropout", 0.0),
]


def variants() -> Iterator[tuple[str, str, Any]]:
    """Yield (family, setting, value): each choice of each setting that has choices, one change at a time.

    Activations are left out: tests/engine/test_ensemble.py and test_gradients.py have all of them. So are
    convolutional nets: test_convolutional.py has them.
    """
    yield from NUMBERS
    for family in sorted(FAMILIES):
        kind = settings_class(FAMILIES[family]["model"]["kind"])
        for name, info in kind.model_fields.items():
            if name in ("kind", "activation") or (name, info.default) == ("net", "dense"):
                continue
            values = (True, False) if info.annotation is bool else get_args(info.annotation)
            if info.annotation is bool or get_origin(info.annotation) is Literal:
                now = FAMILIES[family]["model"].get(name, info.default)
                yield from ((family, name, value) for value in values if value != now)


# changes that need a second one beside them; the families named after them above have both
TOGETHER = {("avb/contrast", "noise_kind"), ("avb/contrast", "noise_at"), ("avb/added", "adaptive_contrast")}
ALONE = {
    ("vae", "learn_sigma"): {"likelihood": "gaussian"},
    ("vae", "l2_mode"): {"l2": 0.1},
    ("vae", "objective"): {"draws": 1},
    ("binary-vae", "tau_rate"): {"estimator": "concrete"},
    ("lae", "noise"): {"adapt_step": False},
    ("lae/course", "adapt_step"): {"noise": "langevin"},
    ("ddpm", "schedule"): {"steps": 70},
    ("lebm", "objective"): {"temperatures": 3, "posterior_steps": 4},
}


@pytest.mark.check("whole 8", "No training step waits, in any variant with code of its own.")
@pytest.mark.parametrize(
    ("family", "name", "value"),
    [one for one in variants() if one[:2] not in TOGETHER],
    ids=lambda part: str(part).replace("/", "-"),
)
def test_no_choice_of_a_setting_makes_a_step_wait(family: str, name: str, value: Any, tmp_path: Path) -> None:
    if (name, value) == ("net", "cnn"):
        pytest.skip("28 × 28 pictures: tests/engine/models/test_classifier.py")
    changes = {name: value, **ALONE.get((family, name), {})}
    trainer = make_trainer(small_spec(family, SEEDS, model=changes), tmp_path)
    trainer.train_step()
    with NoSync():
        trainer.train_step()
        trainer.train_step()


@pytest.mark.check("whole 9", "A diverged member does not affect the others, in any family.")
def test_a_broken_member_leaves_the_others_alone(family: str, together: Trainer, tmp_path: Path) -> None:
    bad = make_trainer(together.spec, tmp_path)
    with torch.no_grad():
        for parameter in bad.model.parameters():
            parameter[1] = torch.nan
    assert bad.run().diverged == {SEEDS[1]: 1}
    broken = state_of(bad)
    for name, value in state_of(together).items():
        for member in (0, 2):
            assert torch.equal(value[member], broken[name][member]), name
    curves = [row["values"]["loss"] for row in rows(bad) if row["split"] == "train"]
    assert all(values[1] is None and values[0] is not None for values in curves)


def test_a_member_that_stopped_early_does_not_change_nor_affect_the_others(
    family: str, tmp_path: Path
) -> None:
    free, held = (make_trainer(small_spec(family, SEEDS, 6), tmp_path / name) for name in ("free", "held"))
    held.early = EarlyStopping(held.model, 100, 0.0, held.data.device)
    held.early.stopped[1], held.early.any_stopped = True, True
    for _ in range(6):
        free.train_step()
        held.train_step()
    for name, value in held.model.state_dict().items():
        assert torch.equal(value[1], held.early.kept[name][1]), name
        for member in (0, 2):
            assert torch.equal(value[member], free.model.state_dict()[name][member]), name


def test_a_step_reports_one_known_number_per_member(family: str, tmp_path: Path) -> None:
    trainer = make_trainer(small_spec(family, SEEDS, 3), tmp_path)
    trainer.train_step()
    batch = trainer.data.batch(trainer.order.next(10), trainer.streams)
    metrics = trainer.model.training_step(batch, trainer.streams)
    assert "loss" in metrics
    assert set(metrics) <= set(METRICS)
    for name, value in metrics.items():
        assert value.shape == (3,), name
        assert not value.requires_grad, name
        assert torch.isfinite(value).all(), name


@pytest.mark.parametrize("count", [7, 1])  # nothing drops an axis of length one
def test_shapes_of_everything_that_can_be_asked(together: Trainer, count: int) -> None:
    family, data = together.model, together.data.info
    batch = next(together.data.chunks("test", together.streams, count))
    x = batch.x
    streams = together.streams.fork("test")
    assert isinstance(family, LatentModel)
    assert family.members == 3
    kind = type(together.spec.model)
    assert (kind.has_samples, kind.has_latents) == (family.generative, family.latent > 0)
    evaluated = family.evaluate_batch(batch, streams)
    assert evaluated
    assert set(evaluated) <= set(METRICS)
    assert all(value.shape == (3, count) for value in evaluated.values())
    if family.generative:
        assert family.sample(count, streams).shape == (3, count, data.dimensions)
    if family.latent == 0:
        return
    z = family.encode(x, streams)
    assert z.shape == (3, count, family.latent)
    mean = family.decode(z)
    assert mean.shape == (3, count, data.dimensions)
    if data.kind != "points":
        assert 0 <= mean.min() <= mean.max() <= 1
    joint = family.log_joint(x, z)
    assert joint is None or joint.shape == (3, count)
    proposal = family.proposal(x, streams)
    if proposal is not None:
        assert proposal[0].shape == proposal[1].shape == z.shape
        assert (proposal[1] > 0).all()


def test_health_is_judged_for_each_member_as_if_it_were_alone(
    together: Trainer, alone: list[Trainer]
) -> None:
    bounds = {"test_iwae": {"values": [5.0, 5.0, 5.0]}}
    judged = []
    for trainer in (together, alone[1]):
        own, streams = trainer.spec.seeds, Streams(trainer.spec.seeds, dtype=torch.float64).fork("health")
        values = {name: {"values": found["values"][: len(own)]} for name, found in bounds.items()}
        judged.append(health(trainer.recorder.paths, trainer.model, trainer.data, values, own, {}, streams))
    checks = together.spec.model.health_checks()
    expected = {check.key for check in checks if check.source.startswith("state:")}
    expected -= {"state:latent_use"} if together.model.latent == 0 else set()
    expected -= {"state:sample_spread"} if not together.model.generative else set()
    whole, (solo,) = judged
    assert all(expected == set(one["numbers"]) for one in whole)  # no curve is long enough
    assert whole[1]["numbers"] == pytest.approx(solo["numbers"], rel=1e-6)


def test_looking_at_a_model_does_not_change_it(together: Trainer) -> None:
    before, batch = state_of(together), next(together.data.chunks("test", together.streams, 7))
    streams = together.streams.fork("test")
    drawn = together.streams.state_dict()
    model = together.model
    model.evaluate_batch(batch, streams)
    if model.latent > 0:
        model.decode(model.encode(batch.x, streams))
        model.proposal(batch.x, streams)
    if model.generative:
        model.sample(5, streams)
    after = state_of(together)
    assert all(torch.equal(before[name], after[name]) for name in before)
    for purpose, states in together.streams.state_dict().items():
        assert all(torch.equal(a, b) for a, b in zip(states, drawn[purpose], strict=True))


@pytest.mark.gpu
def test_training_on_a_gpu_does_not_wait_and_learns(family: str, tmp_path: Path) -> None:
    trainer = make_trainer(small_spec(family, SEEDS, 60), tmp_path, "cuda:0")
    trainer.train_step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            trainer.train_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    outcome = trainer.run()
    assert outcome.how == "finished"
    assert not outcome.diverged
