"""Each estimator against the gradient that enumeration of all codes gives, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from workbench.engine import bernoulli_gradients as estimators
from workbench.engine.bernoulli_gradients import Estimate, bernoulli_kl, hard, log_q

Q = 6  # bits: 64 codes
DRAWS = 10_000
PIXELS = 5
CODES = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * Q)

generator = torch.Generator().manual_seed(3)
LOGITS = torch.randn(Q, generator=generator, dtype=torch.float64) * 1.5
WEIGHTS = torch.randn(Q, PIXELS, generator=generator, dtype=torch.float64) * 1.5
BIAS = torch.randn(PIXELS, generator=generator, dtype=torch.float64)
X = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0], dtype=torch.float64)

Estimator = Callable[..., Estimate]


def decoder(bias: Tensor) -> Callable[[Tensor], Tensor]:
    """log p(x|z) with one set of pixel biases per example: their gradients come out per draw, too."""

    def log_px(z: Tensor) -> Tensor:
        out = torch.tanh(z @ WEIGHTS) * 2 + bias
        return -functional.binary_cross_entropy_with_logits(out, X.expand_as(out), reduction="none").sum(-1)

    return log_px


def gradients(estimator: Estimator, draws: int, examples: int = DRAWS, seed: int = 0) -> list[Tensor]:
    """Return `examples` independent estimates of the gradient: of the logits [n, Q], of the biases [n, D]."""
    logits = LOGITS.expand(1, examples, Q).clone().requires_grad_()
    bias = BIAS.expand(1, 1, examples, PIXELS).clone().requires_grad_()
    source = torch.Generator().manual_seed(seed)
    uniform = torch.rand(1, draws, examples, Q, generator=source, dtype=torch.float64)
    estimator(logits, decoder(bias), uniform).objective.sum().backward()
    return [logits.grad[0], bias.grad[0, 0]]


def exact(value: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    logits, bias = LOGITS.clone().requires_grad_(), BIAS.clone().requires_grad_()
    return torch.autograd.grad(value(logits, bias), (logits, bias))


def expected_log_px(logits: Tensor, bias: Tensor) -> Tensor:
    """E_q[log p(x|z)] by enumeration of the 64 codes."""
    return (log_q(logits, CODES).exp() * decoder(bias)(CODES)).sum()


def expected_pair_bound(logits: Tensor, bias: Tensor) -> Tensor:
    """E[log ½ (w₁ + w₂)] by enumeration of the 64² pairs of codes."""
    density = log_q(logits, CODES)
    log_weight = decoder(bias)(CODES) - Q * math.log(2) - density
    bound = torch.logaddexp(log_weight[:, None], log_weight) - math.log(2)
    return ((density[:, None] + density).exp() * bound).sum()


def deviations(found: Tensor, wanted: Tensor) -> Tensor:
    """Return how many standard errors the mean estimates lie off, per coordinate."""
    return (found.mean(0) - wanted).abs() / (found.std(0) / math.sqrt(len(found)))


@pytest.mark.check("catalogue 8", "Unbiased estimators match the gradient enumerated over 64 codes.")
@pytest.mark.parametrize(("name", "draws"), [("rloo", 2), ("rloo", 4), ("disarm", 1), ("disarm", 2)])
def test_unbiased_estimators_match_the_enumerated_gradient(name: str, draws: int) -> None:
    estimates = gradients(getattr(estimators, name), draws)
    for found, wanted in zip(estimates, exact(expected_log_px), strict=True):
        assert (wanted.abs() > 10 * found.std(0) / math.sqrt(DRAWS)).any()  # the test has teeth
        assert (deviations(found, wanted) < 4).all()


@pytest.mark.check("catalogue 8", "VIMCO matches the enumerated gradient of its own bound.")
def test_vimco_matches_the_enumerated_gradient_of_its_own_bound() -> None:
    found_all = gradients(estimators.vimco, 2)
    for found, want in zip(found_all, exact(expected_pair_bound), strict=True):
        assert (want.abs() > 10 * found.std(0) / math.sqrt(DRAWS)).any()
        assert (deviations(found, want) < 4).all()
    single = exact(lambda logits, bias: expected_log_px(logits, bias) - bernoulli_kl(logits))[0]
    assert (deviations(found_all[0], single) > 4).any()  # another bound than the ELBO


@pytest.mark.parametrize("draws", [3, 5])
def test_vimco_with_more_draws_agrees_with_a_plain_score_function(draws: int) -> None:
    """Without any baseline the estimate is noisier and has the same mean."""

    def plain(logits: Tensor, log_px: Callable[[Tensor], Tensor], uniform: Tensor) -> Estimate:
        z = hard(logits, uniform)
        density = log_q(logits[:, None], z)
        bound = (log_px(z) - Q * math.log(2) - density).logsumexp(1) - math.log(draws)
        return Estimate(bound + bound.detach() * density.sum(1), bound.detach())

    ours, reference = gradients(estimators.vimco, draws)[0], gradients(plain, draws, seed=1)[0]
    error = (ours.var(0) + reference.var(0)).div(DRAWS).sqrt()
    assert ((ours.mean(0) - reference.mean(0)).abs() < 4 * error).all()
    assert (ours.var(0).sum() < reference.var(0).sum() / 4).all()


def bias_of(estimator: Estimator, examples: int = 200_000) -> tuple[float, float]:
    """Return the norm of the bias of the logits' gradient, and the standard error of that norm's vector."""
    found = gradients(estimator, 1, examples)[0]
    off = found.mean(0) - exact(expected_log_px)[0]
    return off.norm().item(), (found.var(0).sum() / examples).sqrt().item()


@pytest.mark.check("whole 3", "The bias of the relaxed estimator shrinks with τ (2, 1, ½, ¼).")
def test_the_relaxed_estimator_has_a_bias_that_shrinks_with_the_temperature() -> None:
    temperatures = (2.0, 1.0, 0.5, 0.25)
    found = [bias_of(partial(estimators.concrete, temperature=tau)) for tau in temperatures]
    for (warm, error), (cool, other) in pairwise(found):
        assert warm - cool > 4 * math.hypot(error, other)
    assert found[-2][0] > 4 * found[-2][1]  # at τ = 0.5 it is there


def test_the_straight_through_estimator_is_biased() -> None:
    size, error = bias_of(estimators.straight_through, 20_000)
    assert size > 10 * error


def test_antithetic_pairs_are_less_noisy_than_two_independent_draws() -> None:
    pairs, singles = gradients(estimators.disarm, 1)[0], gradients(estimators.rloo, 2)[0]
    assert pairs.var(0).sum() < singles.var(0).sum()


@pytest.mark.check("section 3", "The estimators decode hard codes only.")
@pytest.mark.parametrize("name", ["straight_through", "rloo", "disarm", "vimco"])
def test_only_hard_codes_are_decoded(name: str) -> None:
    seen = []

    def log_px(z: Tensor) -> Tensor:
        seen.append(z.detach())
        return decoder(BIAS)(z)

    uniform = torch.rand(2, 3, 4, Q, dtype=torch.float64)
    logits = LOGITS.expand(2, 4, Q)
    estimate = getattr(estimators, name)(logits, log_px, uniform)
    (z,) = seen
    assert set(z.round(decimals=12).unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(estimate.log_px, decoder(BIAS)(z).mean(1))


def test_draws_have_the_probabilities_of_the_logits() -> None:
    uniform = torch.rand(1, 20_000, 1, Q, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    share = hard(LOGITS.view(1, 1, Q), uniform).mean((0, 1, 2))
    theta = torch.sigmoid(LOGITS)
    assert ((share - theta).abs() < 4 * (theta * (1 - theta) / 20_000).sqrt()).all()


@pytest.mark.check("catalogue 2", "The Bernoulli KL equals enumeration, to 1e-10.")
def test_the_kl_is_that_of_enumeration_and_stays_finite() -> None:
    density = log_q(LOGITS, CODES)
    enumerated = (density.exp() * (density + Q * math.log(2))).sum()
    torch.testing.assert_close(bernoulli_kl(LOGITS), enumerated, rtol=1e-10, atol=1e-10)
    extreme = bernoulli_kl(torch.tensor([-800.0, 0.0, 800.0], dtype=torch.float64))
    torch.testing.assert_close(extreme, torch.tensor(2 * math.log(2), dtype=torch.float64))
