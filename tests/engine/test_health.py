"""Every health check detects the fault it is for, in the seed that has it and in no other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.small import make_trainer, small_spec
from tests.engine.test_worker import inside, prepare, run
from tests.stores import append_row, make_store
from workbench.engine.evaluate import main
from workbench.engine.health import health, statistic
from workbench.engine.model import LatentModel
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.spec.health import GENERAL, judge
from workbench.spec.models import built_in_kinds, settings_class
from workbench.store.files import write_json
from workbench.store.index import RunIndex
from workbench.store.store import open_store

__all__ = ["inside"]  # a fixture
SEEDS = [0, 1]
POINTS = np.arange(200)
FALLING = 30 + 70 * np.exp(-POINTS / 20) + np.sin(POINTS)  # a healthy loss, with its noise

Curve = np.ndarray[Any, Any]


def constant(value: float) -> Curve:
    return np.full(200, value) + 1e-3 * value * np.sin(POINTS)


# for each check of a curve: a sound curve, and one with the fault
CURVES: dict[str, tuple[Curve, Curve]] = {
    "train:loss rise": (FALLING, np.where(POINTS > 150, 1e4 * FALLING, FALLING)),  # exploded but finite
    "train:loss drift": (FALLING, 200.0 - POINTS),
    "train:loss fall": (FALLING, 100 + np.sin(POINTS)),  # a learning rate of 0
    "train:kl": (constant(8.0), constant(1e-3)),
    "train:acceptance": (constant(0.57), constant(0.0)),
    "train:course_acceptance": (constant(0.57), constant(0.0)),
    "train:weight_norm travel": (10 + np.sin(POINTS), np.full(200, 10.0)),
    "train:adversary_loss": (constant(0.5), constant(1e-9)),
    "train:noise_mse": (constant(0.3), constant(1.0)),
    "train:f_prior": (constant(2.0), constant(1e6)),
}
# the other side of checks with two limits: a chain that hardly moves, a blind T, energies that fall
OTHER_SIDES = {
    "train:acceptance": (0.999, "doubtful"),
    "train:adversary_loss": (1.3862, "unhealthy"),
    "train:f_prior": (-1e6, "unhealthy"),
    "state:sample_spread": (100.0, "unhealthy"),
}
RESULTS = {"result:ti_converged": (1.0, 0.0), "result:swap_acceptance": (0.5, 0.0)}


def zero(*parts: str) -> Callable[[LatentModel], None]:
    """Return a fault: these parts of seed 1 have weights of 0."""

    def fault(model: LatentModel) -> None:
        for part in parts:
            for parameter in model.get_submodule(part).parameters():
                parameter.data[1] = 0

    return fault


def scale(part: str, factor: float) -> Callable[[LatentModel], None]:
    """Return a fault: a part of seed 1 has weights that are too large."""

    def fault(model: LatentModel) -> None:
        for parameter in model.get_submodule(part).parameters():
            parameter.data[1] *= factor

    return fault


def blind_adversary(model: LatentModel) -> None:
    """T of seed 1 takes the posterior for the prior, by 100 nats."""
    *_, bias = (
        value for name, value in model.get_submodule("adversary").named_parameters() if "bias" in name
    )
    bias.data[1] -= 100.0


def collapsed_component(model: LatentModel) -> None:
    model.get_buffer("mixtures.factors")[1, 1] *= 1e-6


def unused_component(model: LatentModel) -> None:
    weights = model.get_buffer("mixtures.weights")
    weights[1, 0] += weights[1, 1] - 1e-6
    weights[1, 1] = 1e-6


# for each check of a state: a small family, how long it trains first, and what is then done to seed 1
STATES: dict[str, tuple[str, int, Callable[[LatentModel], None]]] = {
    "state:latent_use": ("vae", 300, zero("decoder")),  # unused latents
    "state:sample_spread": ("vae", 300, zero("decoder")),  # all samples alike
    "state:active_share": ("binary-vae", 300, zero("encoder")),  # unused codes
    "state:component_weight": ("ae-gmm", 60, unused_component),
    "state:component_spread": ("ae-gmm", 60, collapsed_component),
    "state:adversary_gap": ("avb", 60, blind_adversary),
    "state:prior_norm": ("lebm", 60, scale("prior", 100.0)),  # f pulls chains away from the origin
    "state:prior_drift": ("lebm", 60, scale("prior", 20.0)),  # chains of four steps, far from converged
    "state:skill": ("classifier", 100, zero("net")),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("models")
    trained.cache_clear()


def all_checks() -> dict[str, str]:
    """Return a family of every declared check by key."""
    checks = {check.key: "vae" for check in GENERAL}
    own = {check.key: kind for kind in built_in_kinds() for check in settings_class(kind).checks}
    return checks | own


@cache
def trained(family: str, steps: int, folder: Path) -> Trainer:
    """Return a small family that has learnt enough to be healthy."""
    torch.set_flush_denormal(True)  # as workers do: bits saturate, and a step takes ten times as long
    changes = {
        "training": {"lr": 0.003 if family == "binary-vae" else 0.01},
        "data": {"train_size": 400} if family == "lebm" else {},
    }
    trainer = make_trainer(small_spec(family, SEEDS, steps, **changes), folder / family)
    for _ in range(steps):
        trainer.train_step()
    trainer.model.refit(trainer.data, trainer.streams.fork("refit"), quick=True)
    return trainer


def judged(trainer: Trainer, metrics: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    streams = Streams(SEEDS, dtype=torch.float64)
    return health(trainer.recorder.paths, trainer.model, trainer.data, metrics or {}, SEEDS, {}, streams)


def test_every_declared_check_has_an_injected_fault_here() -> None:
    assert set(all_checks()) == {*CURVES, *RESULTS, *STATES}


@pytest.mark.parametrize("key", CURVES)
def test_a_faulty_curve_is_detected(key: str) -> None:
    kind = all_checks()[key]
    of = key.partition(" ")[2] or "end"
    sound, faulty = (statistic(curve, of) for curve in CURVES[key])
    own = [check for check in settings_class(kind).checks if check.key == key]
    checks = own or [check for check in GENERAL if check.key == key]
    assert judge(checks, {key: sound}).verdict == "healthy"
    found = judge(checks, {key: faulty})
    gravest = "unhealthy" if any(check.low[1] or check.high[1] for check in checks) else "doubtful"
    assert found.verdict == gravest and len(found.reasons) == 1


@pytest.mark.parametrize("key", OTHER_SIDES)
def test_the_other_side_of_a_check_is_detected(key: str) -> None:
    value, verdict = OTHER_SIDES[key]
    checks = (*settings_class(all_checks()[key]).checks, *GENERAL)
    assert judge(checks, {key: value}).verdict == verdict


def test_a_check_is_left_out_where_a_setting_makes_it_void() -> None:
    """With adaptive contrast q may equal the Gaussian that T compares it with."""
    found = []
    for contrast in (False, True):
        changes = {"adaptive_contrast": contrast} | ({"noise_net": [8]} if contrast else {})
        settings = small_spec("avb", SEEDS, model=changes).model
        found.append(judge(settings.health_checks(), {"train:adversary_loss": 1.386}).verdict)
    assert found == ["unhealthy", "healthy"]


@pytest.mark.parametrize("key", RESULTS)
def test_a_faulty_result_is_detected(key: str) -> None:
    checks = [check for check in settings_class("lebm").checks if check.key == key]
    assert [judge(checks, {key: value}).verdict == "healthy" for value in RESULTS[key]] == [True, False]


@pytest.mark.parametrize("key", STATES)
def test_a_faulty_state_is_detected_in_the_seed_that_has_it(key: str, models: Path) -> None:
    family, steps, fault = STATES[key]
    trainer = trained(family, steps, models)
    metrics = {"test_iwae": {"values": [5.0, 5.0]}}
    (check,) = (check for check in trainer.spec.model.health_checks() if check.key == key)
    before = [one["numbers"][key] for one in judged(trainer, metrics)]
    assert [check.verdict(float(value)) for value in before] == ["healthy"] * 2
    sound_state = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    fault(trainer.model)
    sound, faulty = judged(trainer, metrics)
    trainer.model.load_state_dict(sound_state)  # for the next check of the family
    assert sound["numbers"][key] == before[0]
    assert check.verdict(float(faulty["numbers"][key])) == faulty["verdict"] == "unhealthy"
    assert any(check.reason.partition("{")[0] in reason for reason in faulty["reasons"])


def test_a_state_that_is_not_finite_is_unhealthy() -> None:
    assert judge(GENERAL, {"state:sample_spread": float("nan")}).verdict == "unhealthy"


def test_a_loss_that_settles_within_its_first_tenth_is_healthy() -> None:
    """As that of `lebm-moons-flat`: later it only wanders, by more than the little that was left to gain."""
    settled = 100 * np.exp(-POINTS) + np.linspace(0, 0.3, 200) + 0.05 * np.sin(2 * POINTS)
    numbers = {check.key: statistic(settled, check.of) for check in GENERAL if check.source == "train:loss"}
    assert judge(GENERAL, dict(numbers)).verdict == "healthy", numbers


def test_short_curves_are_not_judged_and_gaps_are_left_out() -> None:
    assert statistic(FALLING[:19], "rise") is None
    gappy = np.where(POINTS % 3 == 0, np.nan, constant(0.5))
    assert statistic(gappy, "end") == pytest.approx(0.5, rel=1e-2)


def test_verdicts_are_read_from_the_runs_own_curves(tmp_path: Path) -> None:
    """The curve of seed 1 alone explodes; a point of another split or number of seeds is not mixed in."""
    trainer = make_trainer(small_spec("vae", SEEDS), tmp_path / "run")
    for step, loss in enumerate(FALLING):
        append_row(trainer.recorder.paths, step, loss=[loss, loss * (1e4 if step > 150 else 1)])
        append_row(trainer.recorder.paths, step, "test", loss=[1e9, 1e9])
        append_row(trainer.recorder.paths, step, loss=[1e9])
    sound, faulty = judged(trainer)
    assert sound["numbers"]["train:loss rise"] < 0.1
    assert any(reason.startswith("the loss rose") for reason in faulty["reasons"])


def test_a_chain_that_never_accepts_makes_an_unhealthy_run_in_result_list_and_evaluation(
    inside: None, tmp_path: Path
) -> None:
    """From the worker to the list: acceptance 0.0, because the step is far too long and may not adapt."""
    store = open_store(make_store(tmp_path / "runs"))
    far = {"model": {"step_size": 1e6, "adapt_step": False}, "training": {"log_every": 1}}
    paths = prepare(store.root / "20261121-142530-lae-aaaa", 60, family="lae", **far)
    assert run(paths) == 0
    result = json.loads(paths.result.read_text())
    assert [one["verdict"] for one in result["health"]] == ["unhealthy"] * 2
    assert "the chain accepts 0 of its transitions" in result["health"][0]["reasons"]
    index = RunIndex(store)
    assert [one.verdict for one in index.rows()[0].health] == ["unhealthy"] * 2
    reasons = index.rows()[0].health[0].reasons
    del result["health"]  # a run of 0.1.0 has none
    write_json(paths.result, result)
    assert index.rows()[0].health == ()
    assert main([str(paths.root), "health", "{}"]) == 0
    assert index.rows()[0].health[0].reasons == reasons
    notes = json.loads((paths.evaluations / "health.json").read_text())["notes"]
    assert notes[1].startswith("Seed 1 is unhealthy: ") and len(notes) == 2
