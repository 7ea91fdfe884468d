"""The VAE against models whose answers are known: linear-Gaussian, and the β at which latents collapse."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.small import batch_of
from workbench.engine.data import DataSet, load
from workbench.engine.data.batch import DataInfo
from workbench.engine.data.order import Order
from workbench.engine.gaussians import gaussian_kl
from workbench.engine.models.vae import VAE
from workbench.engine.streams import Streams
from workbench.spec.models.vae import VAESettings
from workbench.spec.schema import DataSettings, EvaluationSettings, TrainingSettings


def make(shape: tuple[int, ...], seeds: list[int], **model: Any) -> VAE:
    settings = VAESettings(**{"encoder": [], "decoder": [], **model})
    info = DataInfo("made", shape, "points" if len(shape) == 1 else "grey", 100, 100, 0)
    return VAE(settings, TrainingSettings(iterations=10), info, Streams(seeds, dtype=torch.float64))


@pytest.mark.check("catalogue 2", "The Gaussian KL equals its defining integral, to 1e-10.")
def test_the_kl_is_the_integral_that_defines_it() -> None:
    """∫ q ln(q/p) dz by the midpoint rule, which is exact to rounding for such smooth integrands."""
    mean = torch.tensor([-1.7, 0.0, 0.4, 2.5], dtype=torch.float64)
    log_variance = torch.tensor([-3.0, 0.0, 1.1, -0.7], dtype=torch.float64)
    half = torch.linspace(-10, 10, 4001, dtype=torch.float64)[:, None]
    z = mean + half * torch.exp(0.5 * log_variance)
    log_q = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance)).log_prob(z)
    log_p = torch.distributions.Normal(torch.zeros_like(mean), 1.0).log_prob(z)
    each = (log_q.exp() * (log_q - log_p)).sum(0) * 20 / 4000 * torch.exp(0.5 * log_variance)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), each.sum(), rtol=1e-10, atol=1e-10)


SIGMA = 0.7


@pytest.fixture
def linear_gaussian() -> tuple[VAE, Tensor]:
    """p(x|z) = N(zW + b, σ² I) with orthogonal rows of W, and q the exact posterior; with x [1, 6, 5]."""
    model = make((5,), [0], latent=2, likelihood="gaussian", sigma=SIGMA)
    generator = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.randn(5, 5, generator=generator, dtype=torch.float64)).Q
    w = basis[:2] * torch.tensor([[1.5], [0.4]], dtype=torch.float64)
    b = torch.randn(5, generator=generator, dtype=torch.float64)
    m = w.square().sum(1) + SIGMA**2  # M = WWᵀ + σ² I is diagonal
    (encoder,), (decoder,) = model.encoder, model.decoder
    with torch.no_grad():
        decoder.weight[0], decoder.bias[0, 0] = w, b  # type: ignore[index]
        encoder.weight[0] = torch.cat([w.T / m, torch.zeros(5, 2)], 1)  # type: ignore[index]
        encoder.bias[0, 0] = torch.cat([-(b @ w.T) / m, torch.log(SIGMA**2 / m)])  # type: ignore[index]
    return model, 2 * torch.randn(1, 6, 5, generator=generator, dtype=torch.float64)


def exact_log_px(model: VAE, x: Tensor) -> Tensor:
    (decoder,) = model.decoder
    w, b = decoder.weight[0].detach(), decoder.bias[0, 0].detach()  # type: ignore[index]
    covariance = w.T @ w + SIGMA**2 * torch.eye(5, dtype=torch.float64)
    return torch.distributions.MultivariateNormal(b, covariance).log_prob(x)  # type: ignore[arg-type]


@pytest.mark.check("catalogue 1", "With the exact posterior, every importance weight is p(x), to 1e-10.")
def test_with_the_exact_posterior_every_draw_weighs_the_same(linear_gaussian: tuple[VAE, Tensor]) -> None:
    model, x = linear_gaussian
    mean, std = model.proposal(x, Streams([0], dtype=torch.float64))
    for _ in range(3):
        z = mean + std * torch.randn_like(mean)
        log_q = torch.distributions.Normal(mean, std).log_prob(z).sum(-1)
        log_w = model.log_joint(x, z) - log_q
        torch.testing.assert_close(log_w, exact_log_px(model, x), rtol=1e-10, atol=1e-10)


@pytest.mark.check("section 2", "The ELBO is tight for the exact posterior, else lower by the KL.")
def test_and_the_bound_itself_is_tight(linear_gaussian: tuple[VAE, Tensor]) -> None:
    """The bound has an analytic KL and one draw for the reconstruction: equal in the mean over draws."""
    model, x = linear_gaussian
    many = x.repeat(1, 20_000, 1)
    nelbo = model.evaluate(many, Streams([0], dtype=torch.float64))["nelbo"].view(20_000, 6)
    error = nelbo.std(0) / math.sqrt(len(nelbo))
    assert ((nelbo.mean(0) + exact_log_px(model, x)[0]).abs() < 4 * error).all()
    wide = make((5,), [0], latent=2, likelihood="gaussian", sigma=SIGMA)
    wide.load_state_dict(model.state_dict())
    with torch.no_grad():
        wide.encoder[0].bias[0, 0, 2:] += 0.5  # type: ignore[index,union-attr]
    loose = wide.evaluate(many, Streams([0], dtype=torch.float64))["nelbo"].mean()
    # a posterior with e^0.5 times the variance: KL(q || exact) = ½ Σ (e^0.5 − 1 − 0.5) over two dimensions
    assert loose.item() - nelbo.mean().item() == pytest.approx(math.exp(0.5) - 1.5, rel=0.1)


def test_the_loss_is_reconstruction_plus_beta_kl() -> None:
    model = make((6,), [0, 1], likelihood="gaussian", beta=0.3, latent=2)
    x = torch.randn(2, 9, 6, dtype=torch.float64)
    found = model.training_step(batch_of(x), Streams([0, 1], dtype=torch.float64))
    torch.testing.assert_close(found["loss"], found["reconstruction"] + 0.3 * found["kl"])
    torch.testing.assert_close(found["nelbo"], found["reconstruction"] + found["kl"])


@pytest.mark.check("section 5", "`l2_mode` mean and sum penalise the weight matrices only.")
@pytest.mark.parametrize("mode", ["mean", "sum"])
def test_the_penalty_is_on_the_weight_matrices_alone(mode: str) -> None:
    model = make((6,), [0, 1], likelihood="gaussian", l2=0.5, l2_mode=mode, latent=2, encoder=[4])
    weights = [p.detach().clone() for n, p in model.named_parameters() if n.endswith("weight")]
    square = torch.stack([w.square().sum((1, 2)) for w in weights]).sum(0)
    if mode == "mean":
        square = square / sum(w[0].numel() for w in weights)
    x = torch.randn(2, 9, 6, dtype=torch.float64)
    found = model.training_step(batch_of(x), Streams([0, 1], dtype=torch.float64))
    torch.testing.assert_close(found["loss"] - found["nelbo"], 0.5 * square)


@pytest.mark.check("section 5", "Decoupled decay shrinks the matrices outside the loss.")
def test_decoupled_decay_is_no_part_of_the_loss_but_shrinks_the_matrices() -> None:
    x = torch.zeros(1, 9, 6, dtype=torch.float64)
    norms = []
    for weight in (0.0, 50.0):
        model = make((6,), [0], likelihood="gaussian", l2=weight, l2_mode="decoupled", latent=2)
        found = model.training_step(batch_of(x), Streams([0], dtype=torch.float64))
        torch.testing.assert_close(found["loss"], found["nelbo"])
        norms.append(model.matrices[0].norm().item())
    assert norms[1] < 0.97 * norms[0]


def test_more_draws_per_example_mean_less_noise_in_the_reconstruction() -> None:
    x = torch.randn(1, 1, 6, dtype=torch.float64).expand(1, 400, 6)
    spread = []
    for draws in (1, 16):
        model = make((6,), [0], likelihood="gaussian", latent=2)
        found, _ = model.terms(x, draws, Streams([0], dtype=torch.float64))
        spread.append(found.std().item())
    assert spread[1] == pytest.approx(spread[0] / 4, rel=0.25)


def test_an_extreme_log_variance_is_held_back() -> None:
    model = make((6,), [0], latent=2)
    with torch.no_grad():
        model.encoder[0].bias[0, 0, 2:] = torch.tensor([1e4, -1e4])  # type: ignore[index,union-attr]
    _, log_variance = model.posterior(torch.zeros(1, 1, 6, dtype=torch.float64))
    assert log_variance.tolist() == [[[10.0, -10.0]]]


def test_samples_of_pictures_are_means_and_samples_of_points_have_noise() -> None:
    streams = Streams([0], dtype=torch.float64)
    points = make((6,), [0], latent=2, likelihood="gaussian", sigma=3.0)
    pictures = make((2, 3), [0], latent=2)
    for parameter in (*points.decoder.parameters(), *pictures.decoder.parameters()):
        torch.nn.init.zeros_(parameter)
    assert points.sample(500, streams).std().item() == pytest.approx(3.0, rel=0.1)
    assert pictures.sample(500, streams).unique().tolist() == [0.5]


def square(**settings: Any) -> DataSet:
    return load(DataSettings(name="square", **settings), Path("absent"), False, dtype=torch.float64)


@pytest.mark.check("catalogue 9", "A linear β-VAE is active at β = 0.05 and collapsed at 0.12.")
@pytest.mark.parametrize(("beta", "active"), [(0.05, True), (0.12, False)])
def test_latents_are_active_exactly_where_beta_is_below_the_variance_of_the_data(
    beta: float, active: bool
) -> None:
    """Linear theory (probabilistic PCA with noise variance β): KL = ½ ln(λ/β) per latent if β < λ = 1/12."""
    data, streams = square(standardise=False, train_size=4000), Streams([0], dtype=torch.float64)
    model = make((2,), [0], latent=2, likelihood="gaussian", beta=beta)
    order = Order(streams, 4000)
    for step in range(1000):
        model.optimisers["model"].param_groups[0]["lr"] = 0.05 * (1 - step / 1000)
        model.training_step(data.batch(order.next(400), streams), streams)
    x = next(data.chunks("test", streams, 2000)).x
    kl = model.evaluate(x, streams)["kl"].mean().item()
    shrunk = model.decode(model.encode(x, streams)).var(1).mean().item() / x.var(1).mean().item()
    if active:
        assert kl == pytest.approx(2 * 0.5 * math.log(1 / 12 / beta), rel=0.1)
        assert shrunk == pytest.approx((1 - 12 * beta) ** 2, abs=0.03)
    else:
        assert kl < 0.01
        assert shrunk < 0.01


def test_on_the_raw_square_a_result_has_the_studys_columns_and_elsewhere_it_has_not() -> None:
    found, streams = {}, Streams([0, 1], dtype=torch.float64)
    for standardise in (False, True):
        data = square(standardise=standardise, train_size=100, test_size=150)
        model = make((2,), [0, 1], latent=1, likelihood="gaussian")
        with torch.no_grad():
            found[standardise] = model.summary(data, EvaluationSettings(), streams)
    assert found[True] == {}
    assert {"z_ks", "x_ks", "sample_ks", "x_occupancy", "z_mmd_null_95"} <= found[False].keys()
    assert all(entry["n"] == 150 and len(entry["values"]) == 2 for entry in found[False].values())
