"""AIS and BDMC where log p(x) is known: linear-Gaussian models, and 2-d latents by quadrature."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.engine.evaluation.lingauss import LinearGaussian
from workbench.engine.data.batch import DataInfo
from workbench.engine.evaluation.ais import (
    Bridge,
    LogDensity,
    Plan,
    averaged,
    both_sides,
    log_normaliser,
    schedule,
)
from workbench.engine.evaluation.importance import log_evidence
from workbench.engine.evaluation.quadrature import log_px
from workbench.engine.model import LatentModel
from workbench.engine.models.vae import VAE
from workbench.engine.streams import Streams
from workbench.spec.models.vae import VAESettings
from workbench.spec.schema import TrainingSettings

PLAN = Plan(chains=16, temperatures=200, leapfrogs=5, schedule="linear")


def streams(name: str = "test") -> Streams:
    return Streams([0, 1], dtype=torch.float64).fork(name)


def target(model: LatentModel, x: Tensor, chains: int) -> LogDensity:
    repeated = x.repeat_interleave(chains, 1)
    return lambda z: model.log_joint(repeated, z)


def prior(x: Tensor, latent: int) -> tuple[Tensor, Tensor]:
    mean = x.new_zeros(*x.shape[:2], latent)
    return mean, torch.ones_like(mean)


def silent(share: float) -> None:
    assert 0 < share <= 1


@pytest.mark.parametrize("kind", ["linear", "sigmoid"])
def test_a_schedule_rises_from_0_to_1(kind: str) -> None:
    betas = schedule(kind, 50)
    assert betas[0] == 0 and betas[-1] == 1 and len(betas) == 51
    assert all(low < high for low, high in pairwise(betas))
    assert betas[25] == pytest.approx(0.5)


@pytest.mark.check("catalogue 1", "AIS is within 0.02 nats at 200 temperatures, from two proposals.")
@pytest.mark.parametrize("base", ["prior", "poor proposal"])
def test_200_temperatures_find_log_px_of_a_linear_gaussian_model(base: str) -> None:
    model = LinearGaussian(dimensions=4, latent=3, sigma=1.0)
    x = model.draw(100, streams("data"))
    mean, scale = prior(x, 3)
    if base == "poor proposal":
        mean, factor = model.posterior(x)
        mean, scale = mean + 0.3, 1.5 * factor.diagonal(dim1=-2, dim2=-1)
    plan = Plan(16, 200, 5)
    found = log_normaliser(target(model, x, 16), mean, scale, plan, streams(), silent)
    error = found.log_z - model.log_px(x)
    assert error.mean(1).abs().max() < 0.02
    assert error.std() < 0.25
    assert (found.effective <= 16 + 1e-9).all() and found.effective.mean() > 12
    assert ((found.acceptance > 0.6) & (found.acceptance < 0.75)).all()


def test_the_mean_weight_is_right_and_its_logarithm_is_below() -> None:
    """With 5 temperatures one chain is far off, and the mean over 4000 is not."""
    model = LinearGaussian(dimensions=4, latent=3, sigma=1.0)
    x = model.draw(4, streams("data"))
    many = log_normaliser(target(model, x, 4000), *prior(x, 3), Plan(4000, 5, 3), streams(), silent)
    assert (many.log_z - model.log_px(x)).abs().max() < 0.1
    again = x.repeat(1, 20, 1)
    alone = log_normaliser(target(model, again, 1), *prior(again, 3), Plan(1, 5, 3), streams(), silent)
    assert (alone.log_z.view(2, 20, 4).mean(1) < model.log_px(x) - 0.5).all()


@pytest.mark.check("whole 1", "BDMC brackets log p(x), and its gap closes.")
def test_bdmc_brackets_the_truth_and_closes() -> None:
    model = LinearGaussian(dimensions=4, latent=3, sigma=1.0)
    source = streams("joint")
    z = source.normal("z", 60, 3)
    x = model.decode(z) + model.sigma * source.normal("x", 60, 4)
    exact = model.log_px(x)
    gaps = []
    for temperatures in (10, 200):
        plan = Plan(8, temperatures, 5)
        lower, upper = both_sides(target(model, x, 8), *prior(x, 3), z, plan, streams(), silent)
        for side in (exact - lower, upper - exact):
            assert (side.mean(1) > -4 * side.std(1) / 60**0.5).all()
        gaps.append((upper - lower).mean().item())
    assert gaps[0] > 0.3 and abs(gaps[1]) < 0.1  # measured 0.76 and 0.04, with a standard error of 0.02


def test_the_exact_posterior_as_base_leaves_nothing_to_do() -> None:
    model = LinearGaussian(dimensions=3, latent=1)
    x = model.draw(5, streams("data"))
    mean, factor = model.posterior(x)
    plan = Plan(chains=2, temperatures=3, leapfrogs=2)
    found = log_normaliser(target(model, x, 2), mean, factor[..., 0], plan, streams(), silent)
    torch.testing.assert_close(found.log_z, model.log_px(x), rtol=0, atol=1e-9)
    torch.testing.assert_close(found.effective, torch.full_like(found.effective, 2.0))


@pytest.mark.check("section 2", "AIS agrees with quadrature for a decoder of two latents.")
def test_a_decoder_of_two_latents_agrees_with_quadrature() -> None:
    info = DataInfo("codes", (6,), "binary", 100, 100, 0)
    settings = VAESettings(kind="vae", latent=2, encoder=[8], decoder=[16], activation="tanh")
    start = Streams([0, 1], dtype=torch.float64)
    model = VAE(settings, TrainingSettings(iterations=1), info, start)
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight *= 3  # steep enough for posteriors that are not Gaussian
    x = (streams("data").uniform("x", 12, 6) < 0.5).double()
    found = log_normaliser(target(model, x, 16), *prior(x, 2), PLAN, streams(), silent)
    exact = log_px(model, x)[0]
    assert (found.log_z - exact).abs().mean() < 0.05  # measured 0.03
    assert (found.log_z - exact).mean(1).abs().max() < 0.03


def test_a_bridge_ends_where_it_says() -> None:
    mean = torch.tensor([[[1.0, 2.0]]], dtype=torch.float64)
    bridge = Bridge(lambda z: -z.square().sum(-1), mean, torch.full_like(mean, 0.5), 3)
    z = streams().normal("z", 3, 2)[:1]
    point = bridge.evaluate(z, 0.0)
    normal = torch.distributions.Normal(mean, torch.full_like(mean, 0.5)).log_prob(z).sum(-1)
    torch.testing.assert_close(point.log_density, normal)
    torch.testing.assert_close(bridge.at(1.0, point).log_density, -z.square().sum(-1))
    torch.testing.assert_close(bridge.at(0.3, point).gradient, bridge.gradient(z, 0.3))


def test_weights_are_averaged_without_overflow() -> None:
    log_z, effective = averaged(torch.tensor([[-2000.0, -2000.0], [1000.0, -1000.0]], dtype=torch.float64))
    torch.testing.assert_close(log_z, torch.tensor([-2000.0, 1000.0 - math.log(2)], dtype=torch.float64))
    torch.testing.assert_close(effective, torch.tensor([2.0, 1.0], dtype=torch.float64))


def test_weights_are_summed_in_float64_whatever_the_model_computes_in() -> None:
    model = LinearGaussian(dimensions=3, latent=2)
    x = model.draw(5, streams("data")).float()
    model.float()
    model.matrix, model.shift = model.matrix.float(), model.shift.float()
    single = Streams([0, 1])
    mean, scale = prior(x, 2)
    assert model.log_joint(x, mean).dtype == torch.float32
    found = log_normaliser(target(model, x, 2), mean, scale, Plan(2, 5, 2), single, silent)
    assert found.log_z.dtype == torch.float64
    assert log_evidence(model, x, mean, scale, 3, single).dtype == torch.float64
