"""IWAE and DReG gradients against their definitions by quadrature, β annealing, and free bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from tests.engine.models.test_vae import make
from tests.engine.small import assert_within_4_errors
from workbench.engine.gaussians import gaussian_kls
from workbench.engine.models.vae import VAE
from workbench.engine.streams import Streams
from workbench.spec.models.vae import VAESettings

X = torch.tensor([0.9, -1.4], dtype=torch.float64)
SIGMA = 0.6
MEMBERS, ROWS = 100, 100  # together 1e4 draws of the gradient
ENCODER = ("encoder.0.weight", "encoder.0.bias")


def copies(objective: str, k: int, shift: float = 0.2, widening: float = 0.4) -> VAE:
    """Members with the same weights, linear in one latent: q is the posterior, shifted, log σ² widened."""
    settings = {"latent": 1, "likelihood": "gaussian", "sigma": SIGMA}
    model = make((2,), list(range(MEMBERS)), objective=objective, importance_samples=k, **settings)
    w = torch.tensor([0.8, -0.5], dtype=torch.float64)
    b = torch.tensor([0.1, 0.3], dtype=torch.float64)
    precision = 1 + w.square().sum() / SIGMA**2
    with torch.no_grad():
        model.decoder[0].weight[:], model.decoder[0].bias[:] = w, b
        model.encoder[0].weight[..., 0] = w / SIGMA**2 / precision
        model.encoder[0].weight[..., 1] = 0.0
        model.encoder[0].bias[..., 0] = shift - (b @ w) / SIGMA**2 / precision
        model.encoder[0].bias[..., 1] = widening - precision.log()
    return model


def drawn(model: VAE) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss [S] and the gradients [S, …] of a step on `ROWS` copies of X."""
    assert isinstance(model.settings, VAESettings)
    streams = Streams(list(range(MEMBERS)), dtype=torch.float64)
    loss, _, _ = model.importance_weighted(X.expand(MEMBERS, ROWS, 2), model.settings, streams)
    model.zero_grad()
    loss.sum().backward()
    return loss.detach(), {name: weight.grad for name, weight in model.named_parameters()}


def exact(model: VAE) -> tuple[Tensor, dict[str, Tensor]]:
    """Return −E log ½(w₁ + w₂) and its gradients, on 60 × 60 nodes of the Gauss-Hermite rule."""
    nodes, weights = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(60))
    weights = weights / weights.sum()
    mine = {name: weight[0].detach().requires_grad_() for name, weight in model.named_parameters()}
    moments = X @ mine["encoder.0.weight"] + mine["encoder.0.bias"][0]
    mean, std = moments[0], torch.exp(0.5 * moments[1])
    z = mean + std * nodes
    out = z[:, None] * mine["decoder.0.weight"] + mine["decoder.0.bias"]
    log_q, log_p = Normal(mean, std).log_prob(z), Normal(0.0, 1.0).log_prob(z)
    log_w = Normal(out, SIGMA).log_prob(X).sum(-1) + log_p - log_q
    pairs = torch.logaddexp(log_w[:, None], log_w) - math.log(2)
    loss = -(weights[:, None] * weights * pairs).sum()
    gradients = torch.autograd.grad(loss, list(mine.values()))
    return loss.detach(), dict(zip(mine, gradients, strict=True))


@pytest.mark.check("section 2", "IWAE and DReG gradients are those of E log ½(w₁ + w₂), by quadrature.")
@pytest.mark.parametrize("objective", ["iwae", "dreg"])
def test_gradients_are_those_of_the_bound(objective: str) -> None:
    model = copies(objective, 2)
    loss, found = drawn(model)
    truth, gradients = exact(model)
    assert_within_4_errors(loss, truth)
    for name, gradient in gradients.items():
        assert_within_4_errors(found[name], gradient)


@pytest.mark.check("section 2", "With k, DReG's variance falls as 1/k³ and IWAE's as 1/k, as theory says.")
def test_the_variance_falls_with_k_as_theory_says() -> None:
    """The mean falls as 1/k, so that the signal-to-noise ratio of DReG rises and that of IWAE falls."""
    spread: dict[str, list[float]] = {"iwae": [], "dreg": []}
    for objective, found in spread.items():
        for k in (16, 64):
            gradient = drawn(copies(objective, k))[1]["encoder.0.bias"][:, 0, 0]
            found.append(gradient.var().item())
    slope = {name: math.log(large / small) / math.log(4) for name, (small, large) in spread.items()}
    assert -3.5 < slope["dreg"] < -2.5
    assert -1.5 < slope["iwae"] < -0.5
    assert spread["dreg"][0] < spread["iwae"][0] / 10


@pytest.mark.check("section 2", "At the exact posterior DReG's encoder gradient is zero, draw by draw.")
def test_at_the_posterior_the_doubly_reparametrised_gradient_is_zero() -> None:
    for objective in ("iwae", "dreg"):
        gradients = drawn(copies(objective, 5, shift=0.0, widening=0.0))[1]
        largest = max(gradients[name].abs().max().item() for name in ENCODER)
        assert largest < 1e-12 if objective == "dreg" else largest > 1e-3


def test_with_one_draw_both_are_the_bound_without_its_analytic_kl() -> None:
    losses = [drawn(copies(objective, 1))[0] for objective in ("iwae", "dreg")]
    torch.testing.assert_close(*losses)
    model = copies("iwae", 1)
    streams = Streams(list(range(MEMBERS)), dtype=torch.float64)
    reconstruction, kl = model.terms(X.expand(MEMBERS, ROWS, 2), 1, streams)
    assert_within_4_errors(losses[0] - (reconstruction + kl).mean(1), 0.0)


def test_free_bits_charge_each_dimension_at_least_so_much() -> None:
    model = make((5,), [0, 1], latent=3, free_bits=0.2)
    x = Streams([0, 1], dtype=torch.float64).normal("x", 40, 5)
    kls = gaussian_kls(*model.posterior(x)).mean(1)  # [S, d]
    assert (kls < 0.2).any() and (kls > 0.2).any()
    charged = model.charged(x, kls.sum(-1))
    wanted = [sum(max(0.2, kl) for kl in member) for member in kls.tolist()]
    assert charged.tolist() == pytest.approx(wanted)
    charged.sum().backward()
    per_dimension = model.encoder[0].weight.grad[..., :3].abs().sum(1)  # of the means' columns
    assert torch.equal(per_dimension > 0, kls > 0.2)


def test_the_weight_of_the_kl_rises_linearly() -> None:
    model = make((5,), [0], latent=2, beta=0.5, beta_warmup=0.4)
    model.updates_planned = 10
    found = []
    for model.updates_done in range(6):
        found.append(model.beta())
    assert found == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5])


@pytest.mark.parametrize("changes", [{"beta": 0.5}, {"free_bits": 0.1}, {"draws": 2}, {"beta_warmup": 0.1}])
def test_settings_of_the_elbo_are_refused_with_another_objective(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"model.{next(iter(changes))} belongs to"):
        VAESettings(objective="iwae", **changes)
