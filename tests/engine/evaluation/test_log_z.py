"""log p(x) of an energy-based prior in three dimensions, whose log Z is itself an estimate by AIS."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.engine.models.test_lebm import make
from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.evaluation.annealed import ais
from workbench.engine.evaluation.task import Task
from workbench.engine.streams import Streams
from workbench.spec.estimates.ais import AIS


@pytest.mark.check("whole 9", "AIS gives log Z above two dimensions, against a closed form.")
def test_a_linear_f_and_generator_have_the_exact_likelihood_of_a_gaussian() -> None:
    """exp(a·z + c) N(z; 0, I) is N(a, I) with Z = exp(c + ‖a‖²/2), and x is then Gaussian too."""
    sigma, slope, constant = 0.7, torch.tensor([0.9, -0.5, 0.3]).double(), 2.0
    model, streams = make(members=2, dimensions=3, latent=3, prior=[], generator=[], sigma=sigma)
    generator, prior = model.generator[0], model.prior[0]
    with torch.no_grad():
        prior.weight.copy_(slope[:, None].expand(2, -1, -1))
        prior.bias.fill_(constant)
        generator.weight.copy_(streams.normal("A", 3, 3))
    model.requires_grad_(False)
    mean = slope @ generator.weight + generator.bias[:, 0]  # [2, 3]
    covariance = generator.weight.mT @ generator.weight + sigma**2 * torch.eye(3, dtype=torch.float64)
    law = torch.distributions.MultivariateNormal(mean[:, None], covariance[:, None])
    x = streams.normal("x", 20, 3)

    def chunks(split: str, streams: Streams, size: int = 500, limit: int = 0) -> Any:
        count = min(limit or 20, 20)
        for part in x[:, :count].split(size, 1):
            yield Batch(part, part[..., 0].long(), part[..., 0].long())

    data: Any = SimpleNamespace(info=DataInfo("made up", (3,), "points", 20, 20, 0), chunks=chunks)
    settings = AIS(images=20, chains=16, temperatures=200, leapfrogs=5, base="prior", bdmc=0)
    found = ais(Task(model, data, settings, streams.fork("ais"), lambda share: None))
    exact_z = constant + float(slope.square().sum()) / 2
    for value, error in zip(found.metrics["log_z"]["values"], found.metrics["log_z"]["se"], strict=True):
        assert value == pytest.approx(exact_z, abs=0.02) and error < 0.02
    for value, truth in zip(found.metrics["ais"]["values"], law.log_prob(x).mean(1).tolist(), strict=True):
        assert value == pytest.approx(truth, abs=0.05)
    assert any("AIS estimate" in note and "no bound" in note for note in found.notes)
    assert "bdmc_gap" not in found.metrics
