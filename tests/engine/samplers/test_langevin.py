"""The Langevin chains sample what they say they sample, in float64 and from fixed seeds."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.engine.small import assert_within_4_errors
from workbench.engine.samplers import langevin
from workbench.engine.samplers.langevin import Point, last, log_ratio, noise_steps, propose, transition
from workbench.engine.streams import Streams

VARIANCES = torch.tensor([1.0, 4.0], dtype=torch.float64)
CHAINS = 64  # members serve as independent chains: their spread is the Monte Carlo error


def streams(members: int = CHAINS) -> Streams:
    return Streams(range(members), dtype=torch.float64)


def gaussian(state: Tensor) -> Point:
    """N(0, diag(1, 4)): one energy term per dimension."""
    return Point(state, 0.5 * state.square() / VARIANCES, state / VARIANCES)


def quartic(state: Tensor) -> Point:
    return Point(state, state**4 + state, 4 * state**3 + 1)


def mala_moments(
    evaluate: Callable[[Tensor], Point], eta: float, steps: int, burn: int, metropolis: bool = True
) -> tuple[Tensor, Tensor, float]:
    """Return each chain's mean and mean square [S, 2] after `burn` steps from 0, and the acceptance."""
    source = streams()
    current = evaluate(torch.zeros(CHAINS, 2, dtype=torch.float64))
    size = torch.full((CHAINS,), eta, dtype=torch.float64)
    uniforms = source.uniform("acceptance", steps)
    total, squares, accepted = torch.zeros(CHAINS, 2).double(), torch.zeros(CHAINS, 2).double(), 0.0
    for step, noise in enumerate(noise_steps(source, "chain", steps, 2)):
        uniform = uniforms[:, step]
        current, decision = transition(evaluate, current, size, noise, uniform, metropolis=metropolis)
        if step >= burn:
            total += current.position
            squares += current.position.square()
            accepted += decision.accepted.double().mean().item()
    kept = steps - burn
    return total / kept, squares / kept, accepted / kept


@pytest.mark.check("catalogue 4", "MALA has the moments of N(0, diag(1, 4)) at η = 0.05 and 0.5.")
@pytest.mark.parametrize("eta", [0.05, 0.5])
def test_mala_has_the_target_moments_at_any_step(eta: float) -> None:
    means, squares, accepted = mala_moments(gaussian, eta, steps=1500, burn=400)
    assert_within_4_errors(means, 0.0)
    assert_within_4_errors(squares, VARIANCES)
    assert accepted > 0.8


@pytest.mark.check("catalogue 4", "ULA is too wide by 1/(1 − η/2σ²).")
def test_ula_is_too_wide_by_the_known_factor() -> None:
    """On N(0, v) its variance is v / (1 − η/(2v)): 1.333 instead of 1 at η = 0.5."""
    eta = 0.5
    _, squares, _ = mala_moments(gaussian, eta, steps=1500, burn=100, metropolis=False)
    assert_within_4_errors(squares, VARIANCES / (1 - eta / (2 * VARIANCES)))
    error = squares.std(0) / math.sqrt(CHAINS)
    assert (squares.mean(0)[0] - 1.0) > 10 * error[0]  # so the check above can tell the two apart


def test_plain_chain_and_transition_without_accept_step_are_the_same() -> None:
    noises = list(noise_steps(streams(3), "chain", 5, 2))
    start = streams(3).normal("start", 2)
    plain = last(langevin.ula(lambda x: x / VARIANCES, start, 0.3, noises))
    current, size = gaussian(start), torch.full((3,), 0.3, dtype=torch.float64)
    for noise in noises:
        current, _ = transition(gaussian, current, size, noise, torch.zeros(3), metropolis=False)
    torch.testing.assert_close(plain, current.position)


@pytest.mark.check("section 7", "log r vanishes with η and on a flat V.")
def test_vanishing_steps_and_flat_energies_are_always_accepted() -> None:
    start, noise = streams(4).normal("a", 3), streams(4).normal("chain", 3)
    tiny = torch.full((4,), 1e-10, dtype=torch.float64)
    here = quartic(start)
    assert log_ratio(here, quartic(propose(here, tiny, noise)), tiny).abs().max() < 1e-4

    def flat(state: Tensor) -> Point:
        return Point(state, torch.zeros_like(state), torch.zeros_like(state))

    large = torch.full((4,), 5.0, dtype=torch.float64)
    assert (log_ratio(flat(start), flat(propose(flat(start), large, noise)), large) == 0).all()


@pytest.mark.parametrize(("energy", "slope"), [(math.nan, math.nan), (math.inf, 1.0)])
def test_an_energy_that_is_not_finite_is_rejected(energy: float, slope: float) -> None:
    start = streams(2).normal("a", 2)

    def breaks_for_second(state: Tensor) -> Point:
        point = gaussian(state)
        broken, bent = torch.tensor([[[1.0], [energy]], [[1.0], [slope]]], dtype=torch.float64)
        return Point(state, point.energies * broken, point.gradient * bent, (point.position * broken,))

    current = Point(start, gaussian(start).energies, gaussian(start).gradient, (start,))
    size = torch.full((2,), 0.01, dtype=torch.float64)
    noise = streams(2).normal("chain", 2)
    after, decision = transition(breaks_for_second, current, size, noise, torch.zeros(2))
    assert decision.accepted.tolist() == [True, False]
    assert decision.probability[1] == 0.0
    assert (after.position[1] == start[1]).all() and (after.extras[0][1] == start[1]).all()
    assert (after.position[0] != start[0]).any()


def test_the_step_convention_of_published_lebms_moves_a_chain_alike() -> None:
    """Written out as its authors do, against η inside."""
    z, noise, score, s = 0.7, -1.3, 0.4, 0.4  # a state, its noise, −∇U, their step
    eta = langevin.eta_of_s(s)
    published = z + s**2 / 2 * score + s * noise
    assert z + eta * score + math.sqrt(2 * eta) * noise == pytest.approx(published)


@pytest.mark.check("section 7", "The step adapts to an acceptance rate of 0.574.")
def test_adaptation_steers_to_the_target_from_both_sides() -> None:
    """On N(0, diag(1, 4)) the acceptance falls with η, so the step that gives 0.574 is found."""
    source = streams(4)
    log_eta = torch.tensor([-8.0, -3.0, 1.0, 3.0], dtype=torch.float64)
    current = gaussian(torch.zeros(4, 2, dtype=torch.float64))
    steps, tail = 2500, 0.0
    uniforms = source.uniform("acceptance", steps)
    for step, noise in enumerate(noise_steps(source, "chain", steps, 2)):
        current, decision = transition(gaussian, current, log_eta.exp(), noise, uniforms[:, step])
        log_eta = langevin.adapted(log_eta, decision.probability, 0.574, 0.02)
        if step >= steps - 500:
            tail += decision.probability.mean().item() / 500
    assert 0.52 < tail < 0.63
    assert log_eta.std() < 0.3  # four starts, one step size


def test_noise_comes_in_blocks_that_do_not_depend_on_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.engine.samplers.langevin.NOISE_BLOCK", 40)
    together = torch.stack(list(noise_steps(streams(3), "chain", 7, 5, 2)))
    alone = torch.stack(list(noise_steps(Streams([1], dtype=torch.float64), "chain", 7, 5, 2)))
    assert together.shape == (7, 3, 5, 2)
    assert torch.equal(together[:, 1:2], alone)
    assert together.flatten(1).unique(dim=0).shape[0] == 7  # no step repeats another's noise


def test_a_chain_without_steps_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        last(iter(()))


def test_log_ratio_is_antisymmetric_and_equals_the_textbook_form() -> None:
    source = streams(8)
    here, there = quartic(source.normal("a", 3)), quartic(source.normal("b", 3))
    eta = source.uniform("eta", 1).squeeze(1) + 0.01
    forth, back = log_ratio(here, there, eta), log_ratio(there, here, eta)
    assert (forth + back).abs().max() < 1e-8

    def log_q(to: Point, origin: Point) -> Tensor:
        mean = origin.position - eta[:, None] * origin.gradient
        return -(to.position - mean).square().sum(1) / (4 * eta)

    textbook = here.energies.sum(1) - there.energies.sum(1) + log_q(here, there) - log_q(there, here)
    torch.testing.assert_close(forth, textbook, rtol=1e-10, atol=1e-8)


def test_a_chain_of_infinite_energy_moves_to_a_finite_one() -> None:
    start = torch.zeros(2, 2, dtype=torch.float64)
    nowhere = Point(start, torch.full((2, 1), math.inf, dtype=torch.float64), start)
    noise, size = streams(2).normal("chain", 2), torch.full((2,), 0.1, dtype=torch.float64)
    _, decision = transition(gaussian, nowhere, size, noise, torch.full((2,), 0.999))
    assert decision.accepted.all() and (decision.probability == 1).all()


def test_an_infinite_energy_is_never_entered() -> None:
    current = gaussian(torch.zeros(2, 2, dtype=torch.float64))
    wall = lambda state: Point(state, torch.full_like(state, math.inf), state)  # noqa: E731
    size = torch.full((2,), 0.1, dtype=torch.float64)
    _, decision = transition(wall, current, size, streams(2).normal("chain", 2), torch.zeros(2))
    assert not decision.accepted.any()
