"""Draws of the three densities, and chains with every state, against models with known posteriors."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.models.test_lebm_ti import MEMBERS, S2, B, X, conjugate
from workbench.engine.data.batch import Batch
from workbench.engine.evaluation.task import Task
from workbench.engine.models.latent_draws import densities, posterior_draws, traces
from workbench.engine.samplers.langevin import last
from workbench.errors import WorkbenchError
from workbench.spec.estimates.pictures import Densities, Traces


def task(model: Any, streams: Any, settings: Any) -> Task:
    """Return a task on data that are all the same, x = X."""

    def chunks(split: str, streams: Any, size: int, limit: int = 0) -> Iterator[Batch]:
        for start in range(0, limit, size):
            x = torch.full((MEMBERS, min(size, limit - start), 1), X, dtype=torch.float64)
            yield Batch(x, x[..., 0].long(), x[..., 0].long())

    data: Any = SimpleNamespace(chunks=chunks)
    return Task(model, data, settings, streams, lambda share: None)


def moments(z: np.ndarray, mean: float, variance: float, wider: float = 1.0) -> None:
    """Check mean and variance of draws [S, n, 1], whose members' spread is the Monte Carlo error."""
    for found, truth in ((z.mean((1, 2)), mean), (z.var((1, 2)), variance * wider)):
        assert abs(found.mean() - truth) < 4 * found.std(ddof=1) / len(found) ** 0.5 + 0.01 * abs(truth)


@pytest.mark.check("section 11", "Draws of π₀(z), p(z), p(z|x) have the moments of a linear-Gaussian model.")
def test_draws_of_the_densities_have_the_known_moments() -> None:
    slope = 0.7  # f(z) = slope z: the prior is N(slope, 1)
    model, streams = conjugate(slope, prior_steps=60, encode_steps=250)
    found = densities(task(model, streams, Densities(draws=700))).arrays
    precision = 1 + B * B / S2
    mean = (slope + B * X / S2) / precision
    moments(found["base"], 0.0, 1.0)
    prior_eta, posterior_eta = 0.5**2 / 2, 0.1**2 / 2
    moments(found["prior"], slope, 1.0, 1 / (1 - prior_eta / 2))  # ULA's wider variance
    moments(found["posterior"], mean, 1 / precision, 1 / (1 - posterior_eta * precision / 2))


def test_a_gaussian_posterior_is_sampled_with_its_own_mean_and_spread() -> None:
    _, streams = conjugate()
    mean = torch.full((MEMBERS, 4000, 1), 3.0, dtype=torch.float64)
    stand_in: Any = SimpleNamespace(
        encoder_draws=lambda *_: None, proposal=lambda *_: (mean, 0.5 * (mean - 2))
    )
    drawn = posterior_draws(stand_in, mean, streams)
    assert drawn is not None
    moments(drawn.numpy(), 3.0, 0.25)
    stand_in = SimpleNamespace(encoder_draws=lambda *_: None, proposal=lambda *_: None)
    assert posterior_draws(stand_in, mean, streams) is None


def test_traces_have_every_state_of_the_chains_and_their_energies() -> None:
    model, streams = conjugate(0.5, clamp=6.0)
    found = traces(task(model, streams.fork("a"), Traces(chains=3, steps=9))).arrays
    assert found["prior"].shape == found["posterior"].shape == (MEMBERS, 10, 3, 1)
    fresh = streams.fork("a")
    start = fresh.normal("start", 3, 1)
    np.testing.assert_allclose(found["prior"][:, 0], start)
    np.testing.assert_allclose(found["posterior"][:, 0], start)
    ends = last(model.prior_states(start, fresh, 9))
    np.testing.assert_allclose(found["prior"][:, -1], ends.detach(), rtol=1e-5)
    z = found["prior"][..., 0].astype(float)
    np.testing.assert_allclose(found["prior_energy"], 0.5 * z**2 - 0.5 * z, atol=1e-5)
    z, x = found["posterior"][..., 0].astype(float), X
    gaps = found["posterior_energy"] - (0.5 * z**2 - 0.5 * z + (x - B * z) ** 2 / (2 * S2))
    np.testing.assert_allclose(gaps, gaps[0, 0, 0], atol=1e-4)  # short of a constant


def test_a_flat_prior_has_no_chain_to_trace() -> None:
    model, streams = conjugate()
    model.prior = None
    with pytest.raises(WorkbenchError, match="an energy-based prior with its chains"):
        traces(task(model, streams, Traces()))


def test_the_ends_of_prior_chains_are_the_last_states() -> None:
    model, streams = conjugate(0.5)
    ends = model.prior_chain(5, streams.fork("b"))
    fresh = streams.fork("b")
    states = list(model.prior_states(fresh.normal("prior start", 5, 1), fresh))
    assert torch.equal(ends, states[-1]) and len(states) == model.settings.prior_steps
