"""The binary VAE with so few bits that every code can be looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.engine.small import batch_of, make_trainer, small_spec
from workbench.engine.bernoulli_gradients import bernoulli_kl, log_q
from workbench.engine.data.batch import DataInfo
from workbench.engine.models.binary_vae import BinaryVAE, active_bits, all_codes
from workbench.engine.streams import Streams
from workbench.spec.models.binary_vae import BinaryVAESettings
from workbench.spec.schema import TrainingSettings

BITS = 6
ESTIMATORS = ["rloo", "disarm", "vimco", "concrete", "straight-through"]


def make(seeds: list[int] | None = None, **model: Any) -> BinaryVAE:
    settings = BinaryVAESettings(**{"latent": BITS, "encoder": [], "decoder": [7], **model})
    info = DataInfo("made", (2, 3), "binary", 100, 100, 0)
    built = BinaryVAE(settings, TrainingSettings(iterations=10), info, streams_of(seeds or [0]))
    with torch.no_grad():  # fresh weights say too little about x
        for parameter in built.parameters():
            parameter.mul_(3)
    return built


def streams_of(seeds: Sequence[int] = (0,)) -> Streams:
    return Streams(seeds, dtype=torch.float64)


def bits(count: int, members: int = 1) -> Tensor:
    source = torch.Generator().manual_seed(5)
    return (torch.rand(members, count, 6, generator=source) < 0.5).double()


def enumerate_codes(model: BinaryVAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return log p(x, z) and log q(z|x), both [64, B], of the first member over all codes."""
    codes = all_codes(BITS, x)
    each = [model.log_joint(x, code.expand(1, x.shape[1], -1))[0] for code in codes]
    return torch.stack(each), log_q(model.encoder(x)[0], codes[:, None])


@pytest.mark.check("section 3", "log p(x) is the sum over all codes; the ELBO is lower by the KL.")
def test_log_px_is_the_sum_over_all_codes_and_the_bound_lies_a_kl_below() -> None:
    model, x = make(), bits(5)
    with torch.no_grad():
        joint, density = enumerate_codes(model, x)
    exact = model.exact_log_px(x)[0]
    torch.testing.assert_close(exact, joint.logsumexp(0), rtol=1e-10, atol=1e-10)
    elbo = (density.exp() * (joint - density)).sum(0)
    gap = (density.exp() * (density - (joint - exact))).sum(0)  # KL(q || p(z|x))
    torch.testing.assert_close(exact - elbo, gap, rtol=1e-10, atol=1e-10)
    assert (gap > 0.01).all()
    found = model.evaluate(x.repeat(1, 10_000, 1), streams_of())
    nelbo = found["nelbo"].view(10_000, 5)
    assert ((nelbo.mean(0) + elbo).abs() < 4 * nelbo.std(0) / 100).all()
    torch.testing.assert_close(found["kl"][0, :5], bernoulli_kl(model.encoder(x))[0].detach())


@pytest.mark.check("whole 1", "IWAE-k of binary codes rises with k towards log p(x).")
def test_the_importance_weighted_bound_rises_with_its_draws_towards_log_px() -> None:
    model, x = make(), bits(1).expand(1, 4000, 6)
    exact = model.exact_log_px(x)[0, 0]
    before, spread = -math.inf, 0.0
    for draws in (1, 4, 40):
        found = model.log_evidence(x, draws, Streams([draws], dtype=torch.float64))[0]
        error = found.std().item() / math.sqrt(len(found))
        assert found.mean() > before + 4 * math.hypot(error, spread)
        assert found.mean() < exact + 4 * error
        before, spread = found.mean().item(), error
    assert exact - before < 0.05


@pytest.mark.check("section 3", "p(x) sums to one over the data space.")
def test_data_space_sums_to_one() -> None:
    model = make()
    every = all_codes(6, bits(1))[None]  # all pictures of six pixels
    assert every.shape == (1, 64, 6)
    assert model.exact_log_px(every).exp().sum().item() == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_curve_is_called_what_it_is(estimator: str) -> None:
    model = make([0, 1], estimator=estimator, draws=4)
    streams, x = streams_of([0, 1]), bits(9, 2)
    found = model.training_step(batch_of(x), streams)
    assert ("nelbo" in found) == (estimator != "concrete")  # relaxed codes give no bound
    assert ("relaxed_nelbo" in found) == (estimator == "concrete")
    assert ("multi_sample_nelbo" in found) == (estimator == "vimco")
    if estimator == "vimco":
        torch.testing.assert_close(found["loss"], found["multi_sample_nelbo"])
    assert model.updates.tolist() == [1, 1]


def test_a_multi_sample_bound_is_tighter_than_the_nelbo_of_the_same_codes() -> None:
    found = make(estimator="vimco", draws=8).training_step(batch_of(bits(400)), streams_of())
    assert found["multi_sample_nelbo"] < found["nelbo"] - 0.05


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_training_raises_the_exact_likelihood_of_hard_codes(estimator: str) -> None:
    """Four pictures, each as likely: −ln 4 = −1.39 is the best, and an ignored code gives −6 ln 2 = −4.16."""
    bar = -1.74 if estimator in ("rloo", "disarm", "vimco") else -2.6  # the other two are biased
    pictures = torch.tensor([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], [1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1]])
    model = make(estimator=estimator, draws=4, encoder=[16], decoder=[16])
    model.optimisers["model"].param_groups[0]["lr"] = 0.01
    streams, x = streams_of(), pictures.double().repeat(16, 1)[None]
    for _ in range(400):
        model.training_step(batch_of(x), streams)
    assert model.exact_log_px(x[:, :4]).mean().item() > bar
    assert model.evaluate(x, streams)["mse"].mean().item() < 0.02


def test_the_temperature_falls_to_its_floor_and_survives_a_resume() -> None:
    settings = {"estimator": "concrete", "tau": 1.0, "tau_rate": 0.01, "tau_floor": 0.5}
    model = make(**settings)
    model.updates.fill_(30)
    assert model.temperature().item() == pytest.approx(math.exp(-0.3))
    model.updates.fill_(1000)
    assert model.temperature().item() == 0.5
    again = make(**settings)
    again.load_state_dict(model.state_dict())
    assert again.temperature().item() == 0.5
    constant = make(estimator="concrete", tau=0.05)
    constant.updates.fill_(1000)
    assert constant.temperature().item() == pytest.approx(0.05)


@pytest.mark.check("section 3", "Evaluation and samples use hard codes only.")
def test_evaluation_and_samples_use_codes_of_zeros_and_ones() -> None:
    model = make(estimator="concrete")
    z = model.encode(bits(50), streams_of())
    assert set(z.unique().tolist()) == {0.0, 1.0}
    assert model.proposal(bits(2), streams_of()) is None
    assert not model.continuous


@pytest.mark.parametrize(("estimator", "draws"), [("rloo", 1), ("vimco", 1), ("disarm", 3)])
def test_too_few_draws_are_refused(estimator: str, draws: int) -> None:
    with pytest.raises(ValidationError, match=r"model\.draws must be"):
        make(estimator=estimator, draws=draws)


def test_the_result_has_the_bound_of_hard_codes_and_exact_log_px(tmp_path: Path) -> None:
    trainer = make_trainer(small_spec("binary-vae", [0, 1], 60), tmp_path)
    trainer.run()
    found = trainer.model.summary(trainer.data, trainer.spec.evaluation, trainer.streams.fork("test"))
    assert set(found) == {"test_iwae", "active_bits", "log_px"}
    for bound, exact in zip(found["test_iwae"]["values"], found["log_px"]["values"], strict=True):
        assert exact - 2 < -bound < exact + 0.2  # dynamic bits are drawn once per batch: the same x
    assert all(0 <= value <= 5 for value in found["active_bits"]["values"])


def test_a_bit_counts_as_active_where_it_depends_on_x() -> None:
    theta = torch.full((1, 100, 3), 0.5, dtype=torch.float64)
    theta[0, :50, 0], theta[0, 50:, 0] = 0.99, 0.01  # carries nearly ln 2
    theta[0, :, 1] = 0.9  # certain, but the same for every x
    assert active_bits(theta).tolist() == [1]
