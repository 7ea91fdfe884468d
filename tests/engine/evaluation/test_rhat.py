"""The verdict of `rhat`: converged chains pass, whatever the number of coordinates, and others do not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.engine.evaluation.lingauss import LinearGaussian
from workbench.engine.data.batch import Batch
from workbench.engine.evaluation.latents import rhat
from workbench.engine.evaluation.task import Task
from workbench.engine.samplers.hmc import Chains
from workbench.engine.streams import Streams
from workbench.spec.estimates.rhat import RHat


def flagged(seed: int, images: int, **settings: Any) -> bool:
    """Return whether `rhat` doubts its chains on the Gaussian posteriors of `images` examples."""
    streams = Streams([seed], dtype=torch.float64)
    model = LinearGaussian(members=1, dimensions=12, latent=8, sigma=1.0)
    x = model.draw(images, streams)
    label = x[..., 0].long()
    data: Any = SimpleNamespace(info=model.data, chunks=lambda *a: iter([Batch(x, label, label)]))
    found = rhat(Task(model, data, RHat(images=images, **settings), streams.fork("rhat"), lambda share: None))
    return "The chains agree and are long enough." not in found.notes


def chains_of(persistence: float) -> Any:
    """Return a stand-in for `run_chains`: autoregressive draws around 0 from a start far out."""

    def run(density: Any, start: torch.Tensor, scale: Any, draws: int, *rest: Any) -> Chains:
        streams, states = rest[2], []
        state = 10 * torch.sign(start)
        for _ in range(draws):
            noise = streams.normal("noise", *start.shape[1:])
            state = persistence * state + (1 - persistence**2) ** 0.5 * noise
            states.append(state)
        share = torch.ones(start.shape[:-1], dtype=torch.float64)
        return Chains(torch.stack(states, -2), share, share)

    return run


@pytest.mark.check("science 4", "R-hat passes converged chains of 40 coordinates, and no others (20 each).")
@pytest.mark.parametrize(("persistence", "expected"), [(0.0, range(2)), (0.995, range(19, 21))])
def test_chains_are_doubted_if_they_have_not_converged(
    persistence: float, expected: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.engine.evaluation.latents.run_chains", chains_of(persistence))
    assert sum(flagged(seed, 5, draws=500) for seed in range(20)) in expected


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("settings", "expected"), [({"leapfrogs": 3}, range(6)), ({"leapfrogs": 1, "draws": 64}, range(95, 101))]
)
def test_a_hundred_gaussian_posteriors_with_long_and_with_short_chains(
    settings: dict[str, int], expected: range
) -> None:
    assert sum(flagged(seed, 5, **settings) for seed in range(100)) in expected
