"""The latent EBM: chains against laws known in closed form, updates against their definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.small import assert_within_4_errors
from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.evaluation.quadrature import log_px, log_z
from workbench.engine.models.lebm import LEBM
from workbench.engine.samplers.langevin import last
from workbench.engine.streams import Streams
from workbench.spec.models.lebm import LEBMSettings
from workbench.spec.schema import TrainingSettings

ETA = 0.4**2 / 2  # of the prior's default step s = 0.4


def make(members: int = 2, dimensions: int = 3, training: Any = None, **changes: Any) -> tuple[LEBM, Streams]:
    streams = Streams(range(members), dtype=torch.float64)
    settings = LEBMSettings(**{"prior": [8], "generator": [8], **changes})
    data = DataInfo("made up", (dimensions,), "points", 40, 20, 0)
    return LEBM(settings, TrainingSettings(iterations=1, **(training or {})), data, streams), streams


def batch(members: int = 2, count: int = 6, dimensions: int = 3) -> Batch:
    source = Streams(range(members), dtype=torch.float64)
    index = source.permutation("index", 40)[:, :count]
    return Batch(source.normal("x", count, dimensions), torch.zeros_like(index), index)


@pytest.mark.check("catalogue 10", "With f = 0, the prior chain has variance 1.0417.")
def test_with_f_zero_the_prior_chain_is_too_wide_by_the_known_factor() -> None:
    """ULA on N(0, 1) at s = 0.4 has variance 1 / (1 − s²/4) = 1.0417, not 1."""
    model, streams = make(members=16, prior=[])
    with torch.no_grad():
        model.prior[0].weight.zero_()
    variance = model.prior_chain(4000, streams).var(1)
    assert_within_4_errors(variance, 1.0417)
    assert variance.mean() > 1.02


@pytest.mark.check("catalogue 10", "f moves prior mass to high f.")
def test_a_linear_f_shifts_the_prior_and_so_raises_f() -> None:
    """exp(a·z) N(z; 0, I) is N(a, I); K0 steps from N(0, I) get (1 − 0.92^K0) of the way."""
    model, streams = make(members=16, prior=[], prior_steps=20)
    slope = torch.tensor([1.5, -0.5], dtype=torch.float64)
    with torch.no_grad():
        model.prior[0].weight.copy_(slope[:, None].expand(16, -1, -1))
    ends = model.prior_chain(2000, streams)
    assert_within_4_errors(ends.mean(1), slope * (1 - (1 - ETA) ** 20))
    assert (model.f(ends).mean(1) > model.f(streams.normal("z", 2000, 2)).mean(1) + 1).all()


@pytest.mark.check("catalogue 10", "f = −c‖z‖²/2 gives ULA's variance at precision 1 + c.")
@pytest.mark.parametrize("curvature", [1.0, 4.0])
def test_a_quadratic_f_gives_the_chains_variance_at_its_precision(
    curvature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """f = −c‖z‖²/2 makes the target's precision p = 1 + c, and ULA's variance 1 / (p (1 − ηp/2))."""
    model, streams = make(members=16)
    monkeypatch.setattr(model, "f", lambda z: -0.5 * curvature * z.square().sum(-1))

    def gradient(z: Tensor) -> Tensor:
        leaf = z.clone().requires_grad_()
        return torch.autograd.grad(model.prior_energy(leaf).sum(), leaf)[0]

    monkeypatch.setattr(model, "prior_gradient", gradient)
    precision = 1 + curvature
    variance = model.prior_chain(4000, streams).var(1)
    assert_within_4_errors(variance, 1 / (precision * (1 - ETA * precision / 2)))


def test_the_flat_control_draws_from_the_normal_itself() -> None:
    model, streams = make(members=16, flat_prior=True)
    assert_within_4_errors(model.prior_chain(4000, streams).var(1), 1.0)
    assert set(model.optimisers) == {"generator"}
    assert (model.f(streams.normal("z", 5, 2)) == 0).all()
    metrics = model.training_step(batch(16), streams)
    assert (metrics["f_posterior"] == 0).all() and (metrics["f_prior"] == 0).all()


@pytest.mark.parametrize("flat", [False, True])
def test_the_chains_gradient_is_that_of_log_joint(flat: bool) -> None:
    model, streams = make(flat_prior=flat)
    x, z = batch().x, streams.normal("z", 6, 2)
    leaf = z.clone().requires_grad_()
    joint = model.log_joint(x, leaf)
    (expected,) = torch.autograd.grad(joint.sum(), leaf)
    torch.testing.assert_close(model.posterior_gradient(x, z), -expected)


@pytest.mark.check("section 11", "The posterior chain of a linear generator has the known moments.")
def test_a_linear_generator_has_a_known_posterior() -> None:
    """Precision p = 1 + a²/σ², mean a x / (σ² p); ULA keeps the mean and widens the variance."""
    slope, sigma, x = 1.4, 0.5, 2.0
    chain = {"posterior_step": 0.3, "posterior_steps": 60}
    model, streams = make(16, 1, latent=1, flat_prior=True, generator=[], sigma=sigma, **chain)
    with torch.no_grad():
        model.generator[0].weight.fill_(slope)
        model.generator[0].bias.zero_()
    data = torch.full((16, 3000, 1), x, dtype=torch.float64)
    start = streams.normal("start", 3000, 1)
    ends = last(model.posterior_chain(data, start, streams)).squeeze(-1)
    precision, eta = 1 + slope**2 / sigma**2, 0.3**2 / 2
    assert_within_4_errors(ends.mean(1), slope * x / (sigma**2 * precision))
    assert_within_4_errors(ends.var(1), 1 / (precision * (1 - eta * precision / 2)))
    mean = torch.full((16, 1), slope * x / (sigma**2 * precision)).double()
    torch.testing.assert_close(model.encode(data, streams).mean(1), mean, rtol=0, atol=0.02)


def assert_own_chains_move(model: LEBM, streams: Streams) -> None:
    """A step moves every chain of each member's own indices and no other, and the next starts there."""
    before, data = model.chains.clone(), batch()
    model.training_step(data, streams)
    expected = torch.zeros(2, 40, dtype=torch.bool)
    own = torch.arange(2)[:, None], data.index
    expected[own] = True
    changed = (model.chains != before).flatten(2)
    assert torch.equal(changed.all(-1), expected) and torch.equal(changed.any(-1), expected)
    assert torch.equal(model._start(data.index, streams), model.chains[own])


def test_warm_chains_continue_where_their_datum_left_off() -> None:
    assert_own_chains_move(*make(warm_start=True))
    cold, streams = make()
    again = cold._start(batch().index, streams)
    assert cold.chains is None and not torch.equal(again, cold._start(batch().index, streams))


def test_the_clamp_holds_both_chains() -> None:
    model, streams = make(clamp=0.3, warm_start=True)
    model.training_step(batch(), streams)
    moved = model.chains.gather(1, batch().index.unsqueeze(-1).expand(-1, -1, 2))
    assert moved.abs().max() == 0.3
    assert model.prior_chain(100, streams).abs().max() == 0.3


@pytest.mark.check("catalogue 10", "Training raises f on the posterior and lowers it on the prior.")
def test_f_climbs_on_the_posterior_and_descends_on_the_prior() -> None:
    """With a linear f the gradient is mean z+ − mean z−, and plain SGD adds lr times it."""
    model, streams = make(prior=[], training={"optimiser": "sgd"}, prior_lr=0.5)
    again = Streams((0, 1), dtype=torch.float64)
    data = batch()
    with torch.no_grad():
        negative = model.prior_chain(6, again)
        start = model._start(data.index, again)
        positive = last(model.posterior_chain(data.x, start, again))
    weight = model.prior[0].weight
    before = weight.detach().clone()
    metrics = model.training_step(data, streams)
    expected = 0.5 * (positive.mean(1) - negative.mean(1)).unsqueeze(-1)
    torch.testing.assert_close(weight.detach() - before, expected)
    torch.testing.assert_close(metrics["z_square"], negative.square().sum(-1).mean(1))
    difference = ((positive - negative) * before.squeeze(-1)[:, None]).sum(-1).mean(1)
    torch.testing.assert_close(metrics["f_posterior"] - metrics["f_prior"], difference)


def test_the_generator_descends_the_mean_log_likelihood() -> None:
    sigma = 0.3
    training = {"optimiser": "sgd", "lr": 1e-3}
    model, streams = make(generator=[], flat_prior=True, sigma=sigma, training=training)
    again, data = Streams((0, 1), dtype=torch.float64), batch()
    model.prior_chain(6, again)
    z = last(model.posterior_chain(data.x, model._start(data.index, again), again))
    bias = model.generator[0].bias
    before = bias.detach().clone()
    misfit = data.x - model.decode(z).detach()
    metrics = model.training_step(data, streams)
    torch.testing.assert_close(bias.detach() - before, 1e-3 * misfit.mean(1, keepdim=True) / sigma**2)
    normal = torch.distributions.Normal(torch.tensor(0.0).double(), torch.tensor(sigma).double())
    torch.testing.assert_close(metrics["loss"], -normal.log_prob(misfit).sum(-1).mean(1))


@pytest.mark.check("section 11", "With exact draws, the update is the quadrature gradient with log Z.")
def test_with_exact_draws_an_update_is_the_gradient_of_the_exact_log_likelihood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one dimension log p(x) is a quadrature over z less log Z(α), and autograd gives its gradients.

    f and g are nets, draws of prior and posterior come from their cumulative sums over the same grid.
    """
    members, x_of = 40, torch.tensor([0.8, -0.4, 1.3], dtype=torch.float64)
    training = {"optimiser": "sgd", "lr": 1.0}
    model, streams = make(members, 1, latent=1, sigma=0.5, prior_lr=1.0, training=training)
    with torch.no_grad():
        for weight in model.parameters():  # 40 copies of one model, far from a flat one
            weight.copy_(2 * weight[:1].expand_as(weight))
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    x = x_of.repeat(300).view(1, -1, 1).expand(members, -1, -1)
    log_p = log_px(model, x_of.view(1, -1, 1).expand(members, -1, -1), 2000)[0]
    evidence = log_p.mean(1) - log_z(model, torch.zeros((), dtype=torch.float64))[0]
    truth = torch.autograd.grad(evidence.sum(), list(model.parameters()))

    nodes = torch.linspace(-6, 6, 8001, dtype=torch.float64)
    z = nodes.view(1, -1, 1).expand(members, -1, -1)
    with torch.no_grad():
        prior = model.log_prior(z)[0]
        posteriors = torch.stack([model.log_joint(one.expand_as(z), z)[0] for one in x_of])

    def drawn(log_density: Tensor, purpose: str) -> Tensor:
        """Return one draw per density [n, nodes] and member, [S, n, 1]."""
        cumulative = log_density.softmax(-1).cumsum(-1)
        uniform = streams.uniform(purpose, len(log_density)).T.contiguous()
        return nodes[torch.searchsorted(cumulative, uniform).clamp(max=8000)].T.unsqueeze(-1)

    def prior_chain(count: int, streams: Streams, steps: int = 0) -> Tensor:
        return drawn(prior.expand(count, -1), "prior")

    def posterior_chain(x: Tensor, start: Tensor, streams: Streams, steps: int = 0) -> Iterator[Tensor]:
        yield drawn(posteriors.repeat(300, 1), "posterior")

    monkeypatch.setattr(model, "prior_chain", prior_chain)
    monkeypatch.setattr(model, "posterior_chain", posterior_chain)
    model.training_step(Batch(x, x[..., 0].long(), x[..., 0].long()), streams)
    moved = 0.0
    for (name, weight), gradient in zip(model.named_parameters(), truth, strict=True):
        step = weight.detach() - before[name]
        error = step.std(0) / members**0.5
        assert ((step.mean(0) - gradient[0]).abs() < 4 * error + 1e-9).all(), name
        moved = max(moved, float((gradient[0].abs() / (error + 1e-9)).max()))
    assert moved > 20  # the gradient is far from zero, so a wrong sign or factor would show


def test_the_small_penalty_pulls_f_towards_zero() -> None:
    for penalty in (0.0, 0.01):
        model, _ = make(prior=[], training={"optimiser": "sgd"}, prior_lr=1.0, f_l2=penalty)
        bias = model.prior[0].bias
        with torch.no_grad():
            bias.fill_(5.0)  # the contrast alone cannot see a constant
        model.training_step(batch(), Streams((0, 1), dtype=torch.float64))
        assert (bias < 4.9).all() if penalty else torch.allclose(bias, torch.full_like(bias, 5.0))


@pytest.mark.parametrize("limit", [0.0, 1e-3])
def test_gradients_are_clipped_per_member(limit: float) -> None:
    model, streams = make(training={"optimiser": "sgd", "lr": 1.0, "clip": limit}, flat_prior=True)
    data = batch()
    loud = Batch(data.x * torch.tensor([1.0, 100.0], dtype=torch.float64)[:, None, None], data.y, data.index)
    before = [p.detach().clone() for p in model.generator.parameters()]
    model.training_step(loud, streams)
    moves = [(p.detach() - b).flatten(1) for p, b in zip(model.generator.parameters(), before, strict=True)]
    norms = torch.cat(moves, 1).norm(dim=1)
    if limit:
        torch.testing.assert_close(norms, torch.full_like(norms, limit))
    else:
        assert norms[1] > 10 * norms[0] > 10 * 1e-3


def test_evaluation_judges_the_encoded_latent() -> None:
    model, _ = make()
    x = batch().x
    found = model.evaluate(x, Streams((0, 1), dtype=torch.float64))
    z = model.encode(x, Streams((0, 1), dtype=torch.float64))
    torch.testing.assert_close(found["mse"], (x - model.decode(z)).square().mean(-1))
    torch.testing.assert_close(found["f_posterior"], model.f(z))
    normal = -0.5 * (z.square() + torch.log(torch.tensor(2 * torch.pi))).sum(-1)
    torch.testing.assert_close(model.log_joint(x, z), normal + model.f(z) - found["reconstruction"])
    assert not model.normalised


def test_points_are_sampled_with_their_noise_and_pictures_are_means() -> None:
    for shape, noisy in (((3,), True), ((3, 1), False)):
        settings = LEBMSettings(prior=[8], generator=[8], flat_prior=True, sigma=10.0)
        streams = Streams((0, 1), dtype=torch.float64)
        data = DataInfo("made up", shape, "points" if noisy else "grey", 40, 20, 0)
        model = LEBM(settings, TrainingSettings(iterations=1), data, streams)
        assert (model.sample(500, streams).std() > 5) == noisy
