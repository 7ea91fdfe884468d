"""What sets the course project's chain apart from Langevin dynamics, and that a run of it says so."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.models.test_lae import BATCH, batch, make
from workbench.engine.models.lae_course import course_log_ratio, course_transition
from workbench.engine.samplers.langevin import Point, log_ratio
from workbench.engine.streams import Streams
from workbench.spec.metrics import METRICS

COURSE: dict[str, Any] = {"energy": "likelihood", "noise": "course", "adapt_step": False, "step_size": 1e-3}


def quadratic(images: int) -> Any:
    """Energy ½‖w‖², spread over `images` terms, for states [S, 3, 2]."""

    def evaluate(state: Tensor) -> Point:
        share = 0.5 * state.square().sum((1, 2)) / images
        return Point(state, share[:, None].expand(-1, images), state)

    return evaluate


@pytest.mark.check("section 7", "The course project's chain has temperature 1/n.")
def test_the_chain_is_at_the_temperature_of_one_over_the_batch() -> None:
    """ULA on ½w² at temperature T has the variance T/(1 − η/2); Langevin dynamics has T = 1."""
    members, images, eta = 400, 16, 0.1
    streams = Streams(range(members), dtype=torch.float64)
    evaluate = quadratic(images)
    current = evaluate(streams.normal("start", 3, 2))
    for _ in range(120):
        noise, uniform = streams.normal("chain", 3, 2), streams.uniform("acceptance")
        current, _ = course_transition(evaluate, current, torch.full((members,), eta), noise, uniform)
    variance = current.position.square().mean().item()
    expected = 1 / images / (1 - eta / 2)
    assert variance == pytest.approx(expected, abs=4 * expected * math.sqrt(2 / (6 * members)))


@pytest.mark.check("section 7", "The course project centres the reverse proposal wrongly.")
def test_the_reverse_proposal_is_centred_wrongly() -> None:
    images, eta = 4, torch.tensor([0.05, 0.2], dtype=torch.float64)
    streams = Streams([0, 1], dtype=torch.float64)
    evaluate = quadratic(images)
    here, there = evaluate(streams.normal("a", 3, 2)), evaluate(streams.normal("b", 3, 2))

    def log_q(to: Tensor, centre: Tensor) -> Tensor:
        return -(to - centre).square().sum((1, 2)) / (4 * eta / images)

    step = eta.view(-1, 1, 1)
    fall = (here.energies - there.energies).sum(1)
    forth = log_q(there.position, here.position - step * here.gradient)
    wrong = log_q(here.position, here.position - step * there.gradient)
    torch.testing.assert_close(course_log_ratio(here, there, eta), fall + wrong - forth)
    # a rule that keeps detailed balance is antisymmetric; this one is not
    assert (course_log_ratio(here, there, eta) + course_log_ratio(there, here, eta)).abs().min() > 0.1
    torch.testing.assert_close(log_ratio(here, there, eta), -log_ratio(there, here, eta))


def test_a_step_is_the_drift_of_the_sum_with_the_noise_of_the_mean() -> None:
    model, streams = make(transitions=1, metropolis=False, **COURSE)
    x = batch().x
    noise = Streams((0, 1), dtype=torch.float64).normal("chain", 1, 24, 3)[:, 0]
    start = model.chain.clone().requires_grad_()
    out = model.decoder(model.features(x).detach() @ start)
    (gradient,) = torch.autograd.grad(-model.likelihood.log_prob(x, out).sum(), start)
    model.training_step(batch(), streams)
    expected = start.detach() - 1e-3 * gradient + math.sqrt(2e-3 / BATCH) * noise
    torch.testing.assert_close(model.chain, expected)


def test_without_the_prior_the_energy_is_the_reconstruction_but_the_bound_is_not() -> None:
    model, streams = make(**COURSE)
    joint, _ = make()
    found = model.evaluate(batch().x, Streams((0, 1), dtype=torch.float64))
    other = joint.evaluate(batch().x, Streams((0, 1), dtype=torch.float64))
    assert torch.equal(found["energy"], found["reconstruction"])
    # early stopping watches the loss: latents grow, and the bound is at its best before anything is learnt
    assert (model.watched, joint.watched) == ("loss", "")
    assert (other["energy"] > other["reconstruction"]).all()
    for name in ("nelbo", "kl", "mse"):  # evaluated with the prior, as any model with N(0, I) latents
        torch.testing.assert_close(found[name], other[name])
    z = streams.normal("z", BATCH, 3)
    torch.testing.assert_close(model.log_joint(batch().x, z), joint.log_joint(batch().x, z))


def test_its_curves_do_not_pass_for_those_of_a_metropolis_chain() -> None:
    names = []
    for metropolis in (False, True):
        model, streams = make(metropolis=metropolis, **COURSE)
        metrics = model.training_step(batch(), streams)
        names.append(set(metrics))
        assert metrics["chain_temperature"].tolist() == pytest.approx([1 / BATCH] * 2)
    assert not names[0] & {"acceptance", "log_ratio", "course_acceptance", "course_log_ratio"}
    assert names[1] - names[0] == {"course_acceptance", "course_log_ratio"}
    assert names[1] <= set(METRICS)


def test_with_its_accept_step_the_chain_moves_only_where_it_was_accepted() -> None:
    seeds, seen = tuple(range(8)), set()
    for size in (1e-6, 1e-4, 1e-2):
        sharp = {"likelihood": "gaussian", "sigma": 0.1, "layer_norm": False, "step_size": size}
        model, streams = make(seeds, metropolis=True, transitions=1, **{**COURSE, **sharp})
        before = model.chain.clone()
        metrics = model.training_step(batch(seeds), streams)
        moved = (model.chain != before).flatten(1).any(1).double()
        torch.testing.assert_close(metrics["course_acceptance"], moved)
        seen |= set(moved.tolist())
    assert seen == {0.0, 1.0}


@pytest.mark.check("section 7", "Runs of the course project's chain carry a warning.")
def test_it_says_what_it_is() -> None:
    model, _ = make(metropolis=True, **COURSE)
    found = model.warnings({})
    assert len(found) == 3
    assert make()[0].warnings({}) == []
    with pytest.raises(ValueError, match=r"set model\.adapt_step to false"):
        make(noise="course")
