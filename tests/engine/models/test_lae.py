"""The Langevin autoencoder against a textbook chain, an exact posterior, and its own book-keeping."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engine.small import batch_of
from workbench.engine.data import load
from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.ensemble import orthogonal
from workbench.engine.evaluation.summary import summarise
from workbench.engine.models.lae import LAE, own_move
from workbench.engine.models.lae_course import build
from workbench.engine.samplers.langevin import Decision, Point, log_ratio, propose
from workbench.engine.streams import Streams
from workbench.spec.models.lae import LAESettings
from workbench.spec.schema import DataSettings, EvaluationSettings, TrainingSettings

TRAINING = TrainingSettings(iterations=1, optimiser="sgd", lr=1e-4)
PLAIN = TrainingSettings(iterations=1, optimiser="sgd", lr=1.0)  # the update is the gradient
SMALL: dict[str, Any] = {"latent": 3, "encoder": [24], "decoder": [16], "likelihood": "bernoulli"}
SIDE, BATCH = 4, 12


def make(
    seeds: tuple[int, ...] = (0, 1), training: TrainingSettings = TRAINING, **changes: Any
) -> tuple[LAE, Streams]:
    streams = Streams(seeds, dtype=torch.float64)
    data = DataInfo("noise", (SIDE, SIDE), "grey", 100, 20, 0)
    return build(LAESettings(**{**SMALL, **changes}), training, data, streams), streams


def batch(seeds: tuple[int, ...] = (0, 1), count: int = BATCH) -> Batch:
    return batch_of(Streams(seeds, dtype=torch.float64).uniform("x", count, SIDE * SIDE))


def run(
    model: LAE, x: Tensor, streams: Streams, h: Tensor | None = None
) -> tuple[tuple[Point, ...], tuple[Decision, ...]]:
    """Return the states after transitions 1..T from the features h, and what was decided about each."""
    h = model.features(x).detach() if h is None else h
    start = model.evaluate_chain(model.chain, x, h)
    points, decisions = zip(*model.transitions(x, h, streams, start), strict=True)
    return points, decisions


# ---- the chain


def textbook_mala(
    model: LAE, x: Tensor, h: Tensor, eta: float, noise: Tensor, uniform: Tensor
) -> tuple[list[Tensor], list[list[bool]]]:
    """Algorithm 2 as printed: every energy and gradient computed where it is used, nothing kept."""

    def energy(state: Tensor) -> Tensor:
        z = h @ state
        return (0.5 * z.square().sum(-1) - model.likelihood.log_prob(x, model.decoder(z))).sum(1)

    def gradient(state: Tensor) -> Tensor:
        leaf = state.clone().requires_grad_()
        return torch.autograd.grad(energy(leaf).sum(), leaf)[0]

    def log_q(to: Tensor, origin: Tensor) -> Tensor:
        return -(to - origin + eta * gradient(origin)).square().sum((1, 2)) / (4 * eta)

    state, states, decisions = model.chain.clone(), [], []
    for step in range(noise.shape[1]):
        proposal = state - eta * gradient(state) + math.sqrt(2 * eta) * noise[:, step]
        log_r = energy(state) - energy(proposal) + log_q(state, proposal) - log_q(proposal, state)
        accept = uniform[:, step].log() < log_r.detach()
        state = torch.where(accept[:, None, None], proposal, state).detach()
        states.append(state)
        decisions.append(accept.tolist())
    return states, decisions


@pytest.mark.check("whole 2", "Cached and textbook MALA decide alike over 200 transitions.")
def test_cached_and_textbook_chains_take_the_same_200_decisions() -> None:
    steps, eta = 200, 4e-3
    model, streams = make(transitions=steps, step_size=eta, adapt_step=False)
    x = batch().x
    h = model.features(x).detach()
    again = Streams((0, 1), dtype=torch.float64)
    noise, uniform = again.normal("chain", steps, 24, 3), again.uniform("acceptance", steps)
    points, decisions = run(model, x, streams)
    states, expected = textbook_mala(model, x, h, eta, noise, uniform)
    taken = [decision.accepted.tolist() for decision in decisions]
    assert taken == expected
    share = torch.tensor(taken).double().mean(0)
    assert ((share > 0.2) & (share < 0.9)).all()  # both kinds of decision were put to the test
    for point, state in zip(points, states, strict=True):
        torch.testing.assert_close(point.position, state, rtol=1e-9, atol=1e-10)


@pytest.mark.check("catalogue 5", "log r is antisymmetric to 1e-8 and keeps detailed balance.")
def test_the_log_ratio_is_antisymmetric_and_keeps_detailed_balance() -> None:
    """Against V alone: its gradients by finite differences, and the proposal densities written out."""
    model, streams = make(activation="tanh")
    x, eta = batch().x, torch.tensor([4e-3, 3e-3], dtype=torch.float64)
    h = model.features(x).detach()
    here = model.evaluate_chain(model.chain, x, h)
    there = model.evaluate_chain(propose(here, eta, streams.normal("w", 24, 3)), x, h)
    forth, back = log_ratio(here, there, eta), log_ratio(there, here, eta)
    assert (forth + back).abs().max() < 1e-8
    assert forth.abs().min() > 1e-3  # not a trivial one

    def energy(state: Tensor) -> Tensor:
        with torch.no_grad():
            return model.energy(x, h @ state).sum(1)

    def gradient(state: Tensor) -> Tensor:
        found = torch.empty_like(state)
        for row in range(24):
            for column in range(3):
                step = torch.zeros_like(state)
                step[:, row, column] = 1e-5
                found[:, row, column] = (energy(state + step) - energy(state - step)) / 2e-5
        return found

    def log_q(to: Tensor, origin: Tensor) -> Tensor:
        return -(to - origin + eta.view(2, 1, 1) * gradient(origin)).square().sum((1, 2)) / (4 * eta)

    w, v = here.position, there.position
    flow = energy(w) - energy(v) + log_q(w, v) - log_q(v, w)
    torch.testing.assert_close(forth, flow, rtol=0, atol=1e-6)


@pytest.mark.check("catalogue 5", "A carried proposal is bit-equal to a fresh evaluation.")
def test_a_carried_point_is_bit_equal_to_a_fresh_evaluation() -> None:
    model, streams = make(transitions=5, step_size=1e-3)
    x = batch().x
    h = model.features(x).detach()
    end = run(model, x, streams)[0][-1]
    fresh = model.evaluate_chain(end.position, x, h)
    assert torch.equal(end.energies, fresh.energies)
    assert torch.equal(end.gradient, fresh.gradient)
    assert all(torch.equal(a, b) for a, b in zip(end.extras, fresh.extras, strict=True))


@pytest.mark.check("section 7", "T transitions evaluate the decoder T + 1 times, not 2(T + 1).")
@pytest.mark.parametrize(("transitions", "metropolis"), [(1, True), (2, True), (5, False)])
def test_t_transitions_cost_t_plus_one_evaluations(transitions: int, metropolis: bool) -> None:
    model, streams = make(transitions=transitions, metropolis=metropolis)
    calls: list[int] = []
    model.decoder[0].register_forward_hook(lambda *_: calls.append(1))  # type: ignore[union-attr,operator]
    model.training_step(batch(), streams)
    assert len(calls) == transitions + 1


@pytest.mark.check("catalogue 5", "Energies are averaged after transitions 1 and 2, without V_0.")
def test_gradients_average_the_states_after_transitions_one_and_two() -> None:
    """V_0 is not among them, and a rejected state counts again."""
    for eta in (1e-4, 1e3):  # always accepted; always rejected
        model, streams = make(training=PLAIN, step_size=eta, adapt_step=False)
        data = batch()
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        h = model.features(data.x)
        points, _ = run(model, data.x, Streams((0, 1), dtype=torch.float64))
        states = [point.position for point in points]
        expected_loss = sum(model.energy(data.x, h @ state).mean(1) for state in states) / len(states)
        names = [name for name, _ in model.named_parameters()]
        gradients = torch.autograd.grad(expected_loss.sum(), list(model.parameters()))
        metrics = model.training_step(data, streams)
        torch.testing.assert_close(metrics["loss"], expected_loss.detach())
        after = dict(model.named_parameters())
        for name, gradient in zip(names, gradients, strict=True):
            torch.testing.assert_close(before[name] - after[name].detach(), gradient, rtol=1e-8, atol=1e-10)
        assert torch.equal(model.chain, states[-1])
        assert torch.equal(*states) == (eta > 1)


def test_the_scale_of_the_pixels_learns_under_its_prior() -> None:
    chain: dict[str, Any] = {"step_size": 1e-5, "adapt_step": False}
    model, streams = make(training=PLAIN, likelihood="discretised-logistic", **chain)
    data = batch()
    assert model.likelihood.scale()[0].item() == pytest.approx(1.201, abs=5e-4)
    h = model.features(data.x)
    points, _ = run(model, data.x, Streams((0, 1), dtype=torch.float64))
    logit = model.likelihood.logit_tau
    energies = torch.stack([model.energy(data.x, h @ p.position).mean(1) for p in points]).mean(0)
    prior = logit.flatten() + 2 * torch.nn.functional.softplus(-logit.flatten())
    (gradient,) = torch.autograd.grad((energies + prior / 100).sum(), logit)  # 100 training examples
    before = logit.detach().clone()
    model.training_step(data, streams)
    torch.testing.assert_close(before - logit.detach(), gradient)


@pytest.mark.check("section 7", "T = 1 without noise and accept step is gradient descent.")
def test_without_noise_and_accept_step_the_chain_is_gradient_descent() -> None:
    model, _ = make(transitions=1, metropolis=False, adapt_step=False, step_size=1e-3)
    streams = Streams((0, 1), dtype=torch.float64)
    streams.normal = lambda purpose, *shape: torch.zeros(2, *shape, dtype=torch.float64)  # type: ignore[method-assign]
    x = batch().x
    start = model.chain.clone().requires_grad_()
    energy = model.energy(x, model.features(x).detach() @ start).sum()
    (gradient,) = torch.autograd.grad(energy, start)
    model.training_step(batch(), streams)
    torch.testing.assert_close(model.chain, (start - 1e-3 * gradient).detach())


def test_the_would_be_acceptance_is_reported_without_an_accept_step() -> None:
    size = 2e-2
    plain, streams = make(metropolis=False, adapt_step=False, step_size=size, transitions=1)
    metrics = plain.training_step(batch(), streams)
    mala, same = make(adapt_step=False, step_size=size, transitions=1)
    _, (decision,) = run(mala, batch().x, same)
    torch.testing.assert_close(metrics["acceptance"], decision.probability)
    torch.testing.assert_close(metrics["log_ratio"], decision.log_ratio)
    assert ((metrics["acceptance"] > 0) & (metrics["acceptance"] < 1)).any()


@pytest.mark.check("section 7", "The step adapts in training only.")
def test_the_step_adapts_in_training_only() -> None:
    model, streams = make(step_size=1e3)  # hopelessly large: every proposal is rejected
    metrics = model.training_step(batch(), streams)
    rate, target = model.settings.adapt_rate, model.settings.target_acceptance
    expected = 1e3 * math.exp(-2 * rate * target)  # two rejections
    assert metrics["step_size"].tolist() == pytest.approx([expected] * 2)
    assert metrics["acceptance"].tolist() == [0.0, 0.0]
    assert metrics["loss"].isfinite().all() and metrics["log_ratio"].isfinite().all()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.evaluate(batch().x, streams)
    model.encode(batch().x, streams)
    model.sample(5, streams)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_panes_numbers_are_what_their_names_say() -> None:
    model, streams = make()
    data = batch()
    h = model.features(data.x).detach()
    metrics = model.training_step(data, streams)
    z = h @ model.chain  # h is from before the update, as in the metrics
    torch.testing.assert_close(metrics["z_mean"], z.mean((1, 2)))
    torch.testing.assert_close(metrics["z_variance"], z.flatten(1).var(1))
    torch.testing.assert_close(metrics["weight_norm"], model.chain.square().sum((1, 2)).sqrt())
    torch.testing.assert_close(metrics["latent_step"], metrics["step_size"] * h.square().sum(-1).mean(1))
    prior = 0.5 * z.square().sum(-1).mean(1)
    torch.testing.assert_close(metrics["energy"], metrics["reconstruction"] + prior)


@pytest.mark.check(
    "section 7", "LAE: moves apart from the common shift, over the exact posterior sd, to 1e-9."
)
def test_the_move_of_a_latent_is_in_units_of_the_posterior_and_leaves_out_the_common_shift() -> None:
    sigma, gain = 0.5, 3.0
    model, streams = make(latent=2, decoder=[], likelihood="gaussian", sigma=sigma)
    decoder = model.decoder[0].weight.data
    decoder.copy_(gain * orthogonal(streams, *decoder.shape[1:]))  # precision 1 + gain² / σ² along every axis
    h, x = streams.normal("h", BATCH, 24), batch().x
    change = 0.01 * streams.normal("change", 24, 2)
    start, end = (model.evaluate_chain(state, x, h) for state in (model.chain, model.chain + change))
    each = h @ change
    own = (each - each.mean(1, keepdim=True)).square().mean((1, 2)).sqrt()
    torch.testing.assert_close(own_move(h, start, end), own * (1 + (gain / sigma) ** 2) ** 0.5)
    same = h[:, :1].expand_as(h)  # one set of features: all latents move together
    start, end = (model.evaluate_chain(state, x, same) for state in (model.chain, model.chain + change))
    torch.testing.assert_close(own_move(same, start, end), torch.zeros(2).double(), rtol=0, atol=1e-9)
    assert own_move(h, start, start).tolist() == [0.0, 0.0]  # all rejected


# ---- an exact posterior


def conjugate(width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Run the chain with a linear decoder and fixed features of `width`, 16 images, 24 chains.

    Returns samples z [1300, 24, 16, 2] after burn-in, and the exact posterior's mean [16, 2]
    and covariance [2, 2]: z_i ~ N(M⁻¹Aᵀx_i, σ²M⁻¹), M = AᵀA + σ²I, independent over images if n ≤ d.
    """
    sigma, images, burn = 0.7, 16, 200
    streams = Streams(range(24), dtype=torch.float64)
    chain: dict[str, Any] = {"transitions": 1500, "step_size": 4e-4, "adapt_step": False}
    settings = LAESettings(latent=2, encoder=[width], decoder=[], likelihood="gaussian", sigma=sigma, **chain)
    model = LAE(settings, TRAINING, DataInfo("linear", (5,), "points", 16, 16, 0), streams)
    one = Streams([99], dtype=torch.float64)
    matrix, x, h = one.normal("A", 2, 5), 1.5 * one.normal("x", images, 5), one.normal("h", images, width)
    with torch.no_grad():
        model.decoder[0].weight.copy_(matrix.expand(24, -1, -1))
        model.chain.mul_(0.1)
    features = h.expand(24, -1, -1)
    points, decisions = run(model, x.expand(24, -1, -1), streams, features)
    accepted = torch.stack([decision.accepted for decision in decisions]).double().mean()
    assert 0.3 < accepted < 0.95
    samples = torch.stack([features @ point.position for point in points[burn:]])
    precision = matrix[0] @ matrix[0].T + sigma**2 * torch.eye(2, dtype=torch.float64)
    mean = x[0] @ matrix[0].T @ precision.inverse()
    return samples, mean, sigma**2 * precision.inverse()


def errors(samples: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Return how many Monte Carlo errors (spread over chains) the means and variances are off, [2, 16, 2]."""
    means = samples.mean(0)
    squares = (samples - mean).square().mean(0)

    def off(per_chain: Tensor, truth: Tensor) -> Tensor:
        return (per_chain.mean(0) - truth).abs() / (per_chain.std(0) / math.sqrt(len(per_chain)))

    return torch.stack([off(means, mean), off(squares, covariance.diagonal().expand_as(mean))])


@pytest.mark.check("catalogue 6", "d = 64, n = 16 samples each image's exact posterior, independently.")
def test_wide_features_sample_each_images_exact_posterior() -> None:
    samples, mean, covariance = conjugate(64)
    assert errors(samples, mean, covariance).max() < 4
    deviations = (samples - mean)[..., 0].flatten(0, 1)
    correlations = torch.corrcoef(deviations.T) - torch.eye(16, dtype=torch.float64)
    assert correlations.abs().max() < 0.1  # independent across images


@pytest.mark.check("catalogue 6", "d = 8, n = 16 fails: moments over 20 errors off, latents of rank 8.")
def test_features_narrower_than_the_batch_cannot_and_this_check_sees_it() -> None:
    """d = 8 < n = 16: the 16 latents of one axis move in 8 directions only (Theorem 1 needs d ≥ n)."""
    samples, mean, covariance = conjugate(8)
    assert errors(samples, mean, covariance).max() > 20
    one_axis = samples[..., 0].flatten(0, 1)
    spread = torch.linalg.svdvals(one_axis - one_axis.mean(0))
    assert spread[7] > 1e-3 * spread[0] and spread[8] < 1e-9 * spread[0]


def test_features_are_required() -> None:
    """Without a hidden layer h would be the pixels, and nothing would be left for ψ."""
    with pytest.raises(ValueError, match="at least 1 item"):
        make(encoder=[])


# ---- evaluation


def test_evaluation_uses_the_closed_form_kl() -> None:
    model, streams = make(encoder_std=0.05)
    found = model.evaluate(batch().x, streams)
    f = model.encode(batch().x, streams)
    # per latent: −ln 0.05 − ½ + ½·0.05² = 2.4970, and half the squared mean
    torch.testing.assert_close(found["kl"], 3 * 2.49698 + 0.5 * f.square().sum(-1), rtol=0, atol=1e-4)
    assert (found["nelbo"] > found["kl"]).all()


def test_initial_weights_are_orthogonal_with_zero_biases() -> None:
    model, streams = make(encoder=[24, 24])
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert (parameter == 0).all()
        elif name.endswith("weight"):
            w = parameter.detach() if parameter.shape[1] <= parameter.shape[2] else parameter.detach().mT
            torch.testing.assert_close(w @ w.mT, torch.eye(w.shape[1]).double().expand(2, -1, -1))
    wide = orthogonal(streams, 5, 400)
    assert wide.shape == (2, 5, 400)
    # uniform over orthogonal matrices: without the sign correction the first entry is never positive
    first = torch.cat([orthogonal(streams, 6, 3)[:, 0, 0] for _ in range(40)])
    assert 20 < (first > 0).sum() < 60


def test_the_best_width_of_q_is_the_analytic_one() -> None:
    """Linear decoder, Gaussian pixels: the NELBO in s is ½ s² (tr AAᵀ/σ² + d) − d ln s and what has no s."""
    sigma = 0.5
    data = load(DataSettings(name="digits"), Path("absent"), False, dtype=torch.float64)
    streams, evaluation = Streams((0, 1), dtype=torch.float64), EvaluationSettings()
    settings = LAESettings(latent=2, encoder=[24], decoder=[], likelihood="gaussian", sigma=sigma)
    model = LAE(settings, TRAINING, data.info, streams)
    weight = model.decoder[0].weight
    with torch.no_grad():
        weight.mul_(torch.tensor([0.3, 2.0], dtype=torch.float64).view(2, 1, 1))
    found = model.summary(data, evaluation, streams.fork("family"))
    expected = (1 + weight.detach().square().sum((1, 2)) / (2 * sigma**2)) ** -0.5
    assert found["best_encoder_std"]["values"] == pytest.approx(expected.tolist(), rel=0.06)  # 1000 draws
    fixed = np.array(summarise(model, data, evaluation, streams)["test_nelbo"]["values"])
    for lower in ("drawn_reconstruction", "nelbo_best_std"):  # the former by the KL
        assert (np.array(found[lower]["values"]) < fixed).all()
    assert found["nelbo_best_std"]["n"] == data.info.test_size
