"""Thermodynamic integration of an LEBM: gradients against the exact ones of a conjugate example."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.models.test_lebm import assert_own_chains_move, batch, make
from workbench.engine.models import lebm_ti
from workbench.engine.models.lebm import LEBM
from workbench.engine.models.lebm_ti import Ladder, curve_of, evaluate_ladder, ladder_metrics, surrogate
from workbench.engine.streams import Streams
from workbench.engine.thermodynamic import LIMIT, ladder, largest_fall
from workbench.errors import WorkbenchError
from workbench.spec.models.lebm import LEBMSettings
from workbench.spec.resolve import resolve

B, X, S2 = 2.0, 1.7, 0.25  # x = b z + N(0, s²), z ~ N(0, 1)
EVIDENCE = B * B + S2
LOG_P = -0.5 * math.log(2 * math.pi * EVIDENCE) - X * X / (2 * EVIDENCE)
TRUE = B * (X * X - EVIDENCE) / EVIDENCE**2  # ∂ log p / ∂b = −0.151
NAIVE = -0.733  # the integral of E_t[∂l/∂b] alone
MEMBERS = 20  # independent repetitions: their spread is the Monte Carlo error


def conjugate(slope: float = 0.0, **changes: Any) -> tuple[LEBM, Streams]:
    """Return the example as a model; f(z) = slope · z moves the prior to N(slope, 1)."""
    chains = {"prior_step": 0.5, "posterior_step": 0.1, **changes}
    model, streams = make(MEMBERS, 1, latent=1, generator=[], prior=[], sigma=S2**0.5, **chains)
    with torch.no_grad():
        for net, weight in ((model.generator, B), (model.prior, slope)):
            net[0].weight.fill_(weight)
            net[0].bias.zero_()
    return model, streams


def exact_draws(t: Tensor, images: int, draws: int, streams: Streams, slope: float = 0.0) -> Tensor:
    """Return draws [S, T, images, M, 1] of the power posteriors, which are Gaussian."""
    v = 1 / (1 + t * B * B / S2)
    m = v * (t * B * X / S2 + slope)
    noise = streams.normal("exact", len(t), images, draws, 1)
    return m[:, None, None, None] + v.sqrt()[:, None, None, None] * noise


def within(found: Tensor, truth: float, slack: float = 0.0) -> bool:
    """Whether members' mean is within 4 standard errors (and a known error of the rule) of `truth`."""
    return bool((found.mean() - truth).abs() < 4 * found.std() / len(found) ** 0.5 + slack)


def gradients(objective: str, steps: int, slope: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return each member's estimates of ∂ log p/∂b and ∂ log p/∂slope, over a fine ladder."""
    model, streams = conjugate(slope)
    rungs = Ladder(model, ladder(steps, 3.0), 8)
    x = torch.full((MEMBERS, 400, 1), X, dtype=torch.float64)
    z = exact_draws(rungs.temperatures, 400, 8, streams, slope)
    found = surrogate(model, rungs, objective, x, z)
    (found.generator.sum() + found.prior.sum()).backward()
    return -model.generator[0].weight.grad.flatten(), -model.prior[0].weight.grad.flatten()


@pytest.mark.check("catalogue 11", "The ti-full gradient equals vanilla's in expectation.")
@pytest.mark.parametrize(("objective", "slope"), [("vanilla", 0.0), ("ti-full", 0.0), ("ti-full", 0.7)])
def test_full_gradients_are_those_of_log_p_in_expectation(objective: str, slope: float) -> None:
    misfit = X - B * slope
    truth = (slope * misfit - B) / EVIDENCE + B * misfit**2 / EVIDENCE**2
    if slope == 0:
        assert truth == pytest.approx(TRUE) and pytest.approx(-0.151, abs=5e-4) == TRUE
    generator, prior = gradients(objective, 60, slope)
    assert within(generator, truth, 0.005)
    assert within(prior, B * misfit / EVIDENCE, 0.005)  # ∂ log p/∂slope = E[z|x] − E[z]


@pytest.mark.check("catalogue 11", "The power gradient differs from that of log p(x).")
def test_the_power_gradient_is_another_one() -> None:
    generator, prior = gradients("power", 60)
    assert within(generator, NAIVE, 0.005)
    assert not within(generator, TRUE, 0.3)
    assert within(prior, B * X / EVIDENCE, 0.005)  # f learns from the two ends: unbiased


@pytest.mark.check("whole 5", "The chains' E_t increases with t.")
@pytest.mark.check("section 12", "Chains match E_t, V_t and log p(x) of the conjugate model.")
def test_chains_find_e_and_v_and_the_integral() -> None:
    """Warm and long enough, at every temperature; E_t increases, and log p̂ is log p(x)."""
    model, streams = conjugate(prior_steps=60)
    rungs = Ladder(model, ladder(10, 3.0), 8)
    x = torch.full((MEMBERS, 30, 1), X, dtype=torch.float64)
    found = evaluate_ladder(model, rungs, x, streams, 200)
    curve = found.curve
    assert found.swaps is None
    t = rungs.temperatures
    v = 1 / (1 + t * B * B / S2)
    misfit = X - B * v * t * B * X / S2
    mean = -0.5 * math.log(2 * math.pi * S2) - (misfit**2 + B * B * v) / (2 * S2)
    variance = ((B * B * v) ** 2 / 2 + misfit**2 * B * B * v) / S2**2
    for measured, truth in ((curve.mean, mean), (curve.variance, variance)):
        error = measured.std(0) / MEMBERS**0.5
        # ULA widens each rung's variance by up to 1/(1 − ηp/2) = 7 %
        assert ((measured.mean(0) - truth).abs() < 4 * error + 0.15 * truth.abs()).all()
    assert (curve.mean.mean(0)[1:].diff() > 0).all()  # t = 0.001 is still within the noise of t = 0
    assert (torch.maximum(found.fall, found.drift) < LIMIT).all()
    assert abs(float(curve.corrected.mean()) - LOG_P) < 0.1
    # an error bar that is the chains' own: members spread as much as it says
    ratio = curve.mean.std(0) / curve.error.mean(0)
    assert ((ratio > 0.5) & (ratio < 2)).all()


@pytest.mark.check("whole 5", "Chains that are too short are flagged.")
def test_chains_that_are_too_short_are_flagged() -> None:
    """Chains late at every temperature have an E_t that increases with t; but it still moves."""
    model, streams = conjugate(prior_steps=60)
    rungs = Ladder(model, ladder(10, 3.0), 8)
    x = torch.full((MEMBERS, 100, 1), 3 * X, dtype=torch.float64)
    for steps in (2, 6):  # after two, a chain is nearly where it was: its drift is small, and steady
        short = evaluate_ladder(model, rungs, x, streams, steps)
        assert (short.drift > LIMIT).all()
    long = evaluate_ladder(model, rungs, x, streams, 200)
    assert (torch.maximum(long.drift, long.fall) < LIMIT).all()
    metrics = ladder_metrics(rungs, short)
    assert metrics["ti_converged"]["values"] == [0.0] * MEMBERS
    (note,) = lebm_ti.convergence_notes(metrics)
    assert "NOT CONVERGED" in note and "20 of 20 seeds" in note
    assert lebm_ti.convergence_notes(ladder_metrics(rungs, long)) == []


@pytest.mark.check("whole 5", "An unreached posterior is flagged.")
def test_a_posterior_that_was_never_reached_is_flagged() -> None:
    """All temperatures are exact but the last, whose chains still are where the prior is: E_t falls."""
    model, streams = conjugate()
    rungs = Ladder(model, ladder(10, 3.0), 8)
    x = torch.full((MEMBERS, 30, 1), X, dtype=torch.float64)
    z = exact_draws(rungs.temperatures, 30, 8, streams)
    none = torch.zeros(MEMBERS, dtype=torch.float64)
    for moved, converged in ((False, 1.0), (True, 0.0)):
        if moved:
            z[:, -1] = z[:, 0]
        curve = curve_of(rungs, lebm_ti.log_likelihood(model, x, z))
        found = lebm_ti.LadderEvaluation(curve, largest_fall(curve.mean, curve.error), none, None)
        metrics = ladder_metrics(rungs, found)
        assert metrics["ti_converged"]["values"] == [converged] * MEMBERS
        assert bool(lebm_ti.convergence_notes(metrics)) == moved


def test_exchange_leads_to_the_same_curve() -> None:
    model, streams = conjugate(prior_steps=60)
    x = torch.full((MEMBERS, 30, 1), X, dtype=torch.float64)
    plain = evaluate_ladder(model, Ladder(model, ladder(6, 3.0), 8), x, streams, 150).curve
    found = evaluate_ladder(model, Ladder(model, ladder(6, 3.0), 8, exchange=5), x, streams, 150)
    mixed, swaps = found.curve, found.swaps
    assert swaps.shape == (MEMBERS, 6)
    assert ((swaps > 0.05) & (swaps < 1)).all()
    difference = plain.mean[:, 1:] - mixed.mean[:, 1:]  # at t = 0 the exchanged chain takes ULA's bias
    assert (difference.mean(0).abs() < 4 * difference.std(0) / MEMBERS**0.5 + 0.02).all()


def test_a_pair_that_never_had_a_turn_has_no_rate() -> None:
    model, streams = conjugate()
    start = streams.normal("start", 4, 2, 8, 1)
    x = torch.full((MEMBERS, 2, 1), X, dtype=torch.float64)
    drawn = lebm_ti.run_ladder(model, Ladder(model, ladder(4, 1.0), 8, exchange=3), x, start, streams, 5)
    assert not drawn.swaps[:, 0::2].isnan().any() and drawn.swaps[:, 1::2].isnan().all()


def test_the_prior_rung_knows_nothing_of_x_and_each_rung_its_temperature() -> None:
    model, _ = conjugate()
    drawn = []
    for value in (X, 5 * X):
        streams = Streams(range(MEMBERS), dtype=torch.float64)
        x = torch.full((MEMBERS, 3, 1), value, dtype=torch.float64)
        start = streams.normal("start", 4, 3, 8, 1)
        drawn.append(lebm_ti.run_ladder(model, Ladder(model, ladder(4, 1.0), 8), x, start, streams, 20).z)
    assert torch.equal(drawn[0][:, 0], drawn[1][:, 0])
    moved = (drawn[1] - drawn[0]).mean((0, 2, 3, 4))
    assert (moved[1:] > 0.1).all() and (moved.diff()[:1] > 0).all()


@pytest.mark.check("section 12", "Per-image covariances match the explicit sum over draws.")
def test_covariances_are_those_of_each_image() -> None:
    """The surrogate's gradient is that of E_t + t Cov_t written out, by autograd, draw by draw."""
    model, streams = make(1, 3, prior=[], generator=[])
    rungs = Ladder(model, ladder(3, 2.0), 8)
    x, z = streams.normal("x", 2, 3), streams.normal("z", 4, 2, 8, 2)
    surrogate(model, rungs, "ti-full", x, z).generator.sum().backward()
    parameter = model.generator[0].weight
    expected = torch.zeros_like(parameter)
    for rung in range(4):
        for image in range(2):
            values, slopes = [], []
            for draw in range(8):
                out = model.generator(z[:, rung, image, draw, None])
                likely = model.likelihood.log_prob(x[:, image, None], out).sum()
                slopes.append(torch.autograd.grad(likely, parameter)[0])
                values.append(likely.detach())
            value, slope = torch.stack(values), torch.stack(slopes)
            centred = (value - value.mean()).view(8, 1, 1, 1)
            covariance = (centred * (slope - slope.mean(0))).sum(0) / 7
            t, weight = rungs.temperatures[rung], rungs.weights[rung]
            expected += weight * (slope.mean(0) + t * covariance) / 2
    torch.testing.assert_close(-parameter.grad, expected)


# ---- the model


def thermodynamic(objective: str = "ti-full", **changes: Any) -> tuple[lebm_ti.ThermodynamicLEBM, Streams]:
    model, streams = make(objective=objective, temperatures=3, prior_steps=4, posterior_steps=4, **changes)
    fresh = Streams(range(2), dtype=torch.float64)
    return lebm_ti.build(model.settings, model.training_settings, model.data, fresh), streams


def test_settings_choose_the_objective() -> None:
    vanilla, streams = make()
    assert type(lebm_ti.build(vanilla.settings, vanilla.training_settings, vanilla.data, streams)) is LEBM
    model = thermodynamic("power")[0]
    assert type(model) is lebm_ti.ThermodynamicLEBM and model.ladder.size == 4


def test_a_step_reports_the_integral() -> None:
    model, streams = thermodynamic(exchange=2, warm_start=True)
    metrics = model.training_step(batch(), streams)
    assert {"ti_log_px", "ti_log_px_corrected", "ti_fall", "ti_kl", "swap_acceptance"} <= set(metrics)
    torch.testing.assert_close(metrics["loss"], -metrics["ti_log_px"])


def test_every_temperature_and_chain_of_a_datum_is_kept() -> None:
    model, streams = thermodynamic(warm_start=True)
    assert model.chains.shape == (2, 40, 3, 8, 2)
    assert_own_chains_move(model, streams)


def test_the_flat_control_updates_the_generator_alone() -> None:
    model, streams = thermodynamic(flat_prior=True)
    metrics = model.training_step(batch(), streams)
    assert (metrics["f_posterior"] == 0).all() and set(model.optimisers) == {"generator"}


def test_power_is_called_biased_in_the_log() -> None:
    biased, full = thermodynamic("power")[0], thermodynamic()[0]
    assert "BIASED" in biased.warnings({})[0]
    assert full.warnings({}) == []
    description = LEBMSettings.model_fields["objective"].description
    assert "BIASED" in description


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.draws=7", "model.draws"),
        ("model.exchange=21", "model.exchange must be at most model.posterior_steps"),
        ("model.temperatures=0", "model.temperatures"),
        ("model.objective=ti", "model.objective: must be one of vanilla, power, ti-full"),
    ],
)
def test_settings_that_cannot_work_are_refused(change: str, message: str) -> None:
    with pytest.raises(WorkbenchError, match=message):
        resolve("lebm-moons", ["model.objective=ti-full", change])


def test_one_image_has_a_curve_without_an_error_of_its_integral() -> None:
    model, streams = conjugate()
    rungs = Ladder(model, ladder(3, 1.0), 8)
    x = torch.full((MEMBERS, 1, 1), X, dtype=torch.float64)
    metrics = ladder_metrics(rungs, evaluate_ladder(model, rungs, x, streams, 5))
    assert metrics["ti_log_px"]["se"] is None and metrics["ti_log_px"]["n"] == 1


def test_the_curve_is_the_mean_over_images() -> None:
    model, _ = conjugate()
    rungs = Ladder(model, ladder(3, 1.0), 8)
    likely = Streams((0, 1), dtype=torch.float64).normal("l", 4, 5, 8)
    curve = curve_of(rungs, likely)
    torch.testing.assert_close(curve.mean, likely.mean((2, 3)))
    torch.testing.assert_close(curve.variance, likely.var(3).mean(2))
    torch.testing.assert_close(curve.error, (likely.var(3).mean(2) / 40).sqrt())
    weights = rungs.weights
    torch.testing.assert_close(curve.plain.mean(1), (weights * curve.mean).sum(1))
