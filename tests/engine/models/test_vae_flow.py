"""Planar flows against autograd's Jacobian and a root finder, and the bound against quadrature."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from workbench.engine.data.batch import DataInfo
from workbench.engine.models.vae import VAE
from workbench.engine.models.vae_flow import PlanarFlows, VAEFlow
from workbench.engine.streams import Streams
from workbench.spec.models.vae import VAESettings
from workbench.spec.models.vae_flow import VAEFlowSettings
from workbench.spec.schema import TrainingSettings

TRAINING = TrainingSettings(iterations=1)
SIZES = {"latent": 2, "encoder": [8], "decoder": [8]}


def flows(count: int, latent: int, scale: float) -> PlanarFlows:
    """Two members' flows with weights of `scale`, far from the identity."""
    streams = Streams([0, 1], dtype=torch.float64)
    made = PlanarFlows(count, latent, streams)
    with torch.no_grad():
        for weight in made.parameters():
            weight.copy_(scale * streams.normal("weights", *weight.shape[1:]))
    return made


def points(count: int, latent: int) -> Tensor:
    return 2 * Streams([3, 4], dtype=torch.float64).normal("z", count, latent)


@pytest.mark.check("section 8", "The log det of a planar flow matches autograd's Jacobian.")
@pytest.mark.parametrize("scale", [0.3, 3.0, 30.0])
def test_log_det_is_that_of_autograds_jacobian(scale: float) -> None:
    made, z = flows(3, 4, scale), points(5, 4)
    _, log_det = made(z)
    for member in range(2):
        for row in range(5):

            def one(point: Tensor, member: int = member) -> Tensor:
                whole = torch.zeros(2, 1, 4, dtype=torch.float64)
                whole = whole.index_put((torch.tensor([member]),), point[None, None])
                mapped: Tensor = made(whole)[0][member, 0]
                return mapped

            jacobian = torch.autograd.functional.jacobian(one, z[member, row])
            sign, expected = torch.linalg.slogdet(jacobian)
            assert sign == 1
            assert log_det[member, row].item() == pytest.approx(expected.item(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("scale", [0.3, 3.0, 30.0])
def test_the_constraint_holds_where_free_weights_break_it(scale: float) -> None:
    made = flows(200, 4, scale)
    free = (made.u * made.w).sum(-1)
    kept = (made.directions() * made.w).sum(-1)
    assert (free < -1).any() == (scale > 1)
    assert kept.min() > -1
    # where a = u·w is large, softplus(a + ln(e − 1)) − 1 is a + ln(e − 1) − 1
    far = free > 20
    torch.testing.assert_close(kept[far] - free[far], torch.full_like(free[far], math.log(math.e - 1) - 1.0))


@pytest.mark.check("section 8", "A one-dimensional root finder inverts a planar flow.")
@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_a_root_finder_in_one_dimension_inverts_a_flow(scale: float) -> None:
    """y = z + û tanh(w·z + b): a = w·z solves w·y = a + û·w tanh(a + b), which rises in a."""
    made, z = flows(1, 4, scale), points(50, 4)
    y, _ = made(z)
    w, u, b = made.w[:, 0], made.directions()[:, 0], made.b[:, 0]
    strength, goal = (u * w).sum(-1, keepdim=True), (y * w).sum(-1, keepdim=True)
    low, high = goal - strength.abs() - 1, goal + strength.abs() + 1
    for _ in range(200):
        middle = (low + high) / 2
        above = middle + strength * torch.tanh(middle + b) > goal
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    found = y - u * torch.tanh(low + b)
    torch.testing.assert_close(found, z, rtol=1e-7, atol=1e-7)


def test_far_out_nothing_overflows() -> None:
    made = flows(3, 4, 30.0)
    mapped, log_det = made(1e4 * points(5, 4))
    assert mapped.isfinite().all() and log_det.isfinite().all()


def model(**changes: object) -> VAEFlow:
    settings = VAEFlowSettings(**{**SIZES, **changes})
    streams = Streams([0, 1], dtype=torch.float64)
    made = VAEFlow(settings, TRAINING, DataInfo("bits", (3, 3), "grey", 50, 20, 0), streams)
    with torch.no_grad():
        made.flows.u.copy_(streams.normal("u", *made.flows.u.shape[1:]))
    return made


def test_weights_of_exact_draws_average_to_the_evidence() -> None:
    """log p(x, z_K) − log q(z_K|x), per draw, is what the NELBO averages: exp of it has the mean p(x)."""
    made = model()
    x = Streams([7, 8], dtype=torch.float64).uniform("x", 4, 9).round()
    axis = torch.linspace(-7, 7, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis).expand(2, -1, -1)
    with torch.no_grad():
        out = made.decoder(grid)
        prior = -0.5 * grid.square().sum(-1) - math.log(2 * math.pi)
        cell = 2 * math.log(14 / 400)
        likely = [made.likelihood.log_prob(one.expand(-1, 401**2, -1), out) for one in x.split(1, 1)]
        exact = torch.stack([torch.logsumexp(one + prior, 1) for one in likely], 1) + cell
        draws = 20_000
        noise = Streams([5, 6], dtype=torch.float64).normal("noise", draws, 4, 2)
        z, log_q = made.own_proposal(x)(noise, slice(None))
        log_w = made.log_joint(x.repeat(1, draws, 1), z.flatten(1, 2)).view(2, draws, 4) - log_q
        estimate = torch.logsumexp(log_w, 1) - math.log(draws)
        spread = (log_w - exact[:, None]).exp().std(1) / math.sqrt(draws)
    assert ((estimate - exact).abs() < 4 * spread + 1e-4).all()
    # and the NELBO is above −log p(x), by less than everything
    nelbo = sum(made.terms(x, 2000, Streams([5, 6], dtype=torch.float64)))
    assert (nelbo > -exact).all()
    torch.testing.assert_close(nelbo.detach(), -log_w.mean(1), rtol=0, atol=0.2)


def test_without_u_a_flow_is_the_identity_and_the_model_a_vae() -> None:
    made, z = model(flows=1), points(5, 2)
    with torch.no_grad():
        made.flows.u.zero_()
    mapped, log_det = made.flows(z)
    torch.testing.assert_close(mapped, z)
    torch.testing.assert_close(log_det, torch.zeros_like(log_det))
    plain = VAE(VAESettings(**SIZES), TRAINING, made.data, Streams([0, 1], dtype=torch.float64))
    x = Streams([7, 8], dtype=torch.float64).uniform("x", 4, 9)
    bent, straight = (m.terms(x, 5000, Streams([1, 2], dtype=torch.float64)) for m in (made, plain))
    torch.testing.assert_close(bent[0], straight[0])
    assert (bent[1] - straight[1]).abs().max() < 0.1  # the KL is that of the draws


def test_draws_of_the_encoder_are_what_the_loss_is_taken_over() -> None:
    made = model()
    x = Streams([7, 8], dtype=torch.float64).uniform("x", 4, 9)
    with torch.no_grad():
        draws = made.encoder_draws(x, 3, Streams([1, 2], dtype=torch.float64))
        mean, std = made.proposal(x, Streams([1, 2], dtype=torch.float64))
        many = made.encoder_draws(x, 200, Streams([1, 2], dtype=torch.float64))
    assert draws.shape == (3, 2, 4, 2)
    torch.testing.assert_close(mean, many.mean(0))
    torch.testing.assert_close(std, 1.2 * many.std(0) + 1e-6)
