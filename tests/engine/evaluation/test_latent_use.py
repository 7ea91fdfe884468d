"""Rate, distortion, mutual information and active units of Gaussian encoders whose values are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.evaluation.lingauss import LinearGaussian
from tests.engine.small import FAMILIES, load_data, small_spec
from workbench.engine.evaluation.latent_use import latents, mutual_information
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.errors import WorkbenchError

GAIN = torch.tensor([0.9, 0.5, 0.05], dtype=torch.float64)  # variances 0.81, 0.25 and 0.0025: two active
SPREAD = torch.tensor([0.3, 0.6, 0.9], dtype=torch.float64)
SIGMA = 0.5
N = 3000


class Scaled(LinearGaussian):
    """q(z|x) = N(a x, s²) and p(x|z) = N(z, σ²) in three dimensions, for x from N(0, I)."""

    def __init__(self, spread: Tensor = SPREAD, gain: Tensor = GAIN) -> None:
        super().__init__(members=2, dimensions=3, latent=3, sigma=SIGMA)
        self.spread, self.gain = spread, gain
        self.matrix, self.shift = torch.eye(3).double().expand(2, 3, 3), torch.zeros(2, 1, 3).double()

    def proposal(self, x: Tensor, streams: Streams) -> tuple[Tensor, Tensor]:
        return self.gain * x, self.spread.expand_as(x)

    def log_prior(self, z: Tensor) -> Tensor:
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)


def measured(model: Scaled, count: int = N) -> Findings:
    x = Streams([0, 1], dtype=torch.float64).normal("x", count, 3)

    def chunks(split: str, streams: Streams, size: int, limit: int) -> Iterator[Any]:
        return (SimpleNamespace(x=part) for part in x.split(size, 1))

    data: Any = SimpleNamespace(chunks=chunks)
    streams = Streams([2, 3], dtype=torch.float64)
    return latents(Task(model, data, SimpleNamespace(images=count), streams, lambda share: None))


@pytest.mark.check(
    "section 15", "Rate, distortion, I(x; z), aggregated KL and active units are exact values."
)
def test_a_linear_gaussian_encoder_has_its_known_values() -> None:
    found = measured(Scaled())
    total = GAIN.square() + SPREAD.square()  # variances of q(z)
    per_dimension = 0.5 * (total - 1) - SPREAD.log()
    information = 0.5 * torch.log(total / SPREAD.square()).sum().item()
    noise = ((1 - GAIN).square() + SPREAD.square()) / SIGMA**2
    exact = {
        "rate": per_dimension.sum().item(),
        "distortion": 0.5 * (noise + math.log(2 * math.pi * SIGMA**2)).sum().item(),
        "mutual_information": information,
        "aggregated_kl": per_dimension.sum().item() - information,
        "kl_dimension": per_dimension.mean().item(),
    }
    assert exact["aggregated_kl"] == pytest.approx(0.5 * (total - 1 - total.log()).sum().item())
    for name, value in exact.items():
        entry = found.metrics[name]
        assert entry["n"] == N
        for got, error in zip(entry["values"], entry["se"], strict=True):
            assert 0 < error < 0.1 and abs(got - value) < 4 * error, name
    assert found.metrics["active_units"]["values"] == [2, 2] and not found.notes
    kl, error = (torch.from_numpy(found.arrays[f"kl_per_dimension{end}"]) for end in ("", "_se"))
    assert kl.shape == (2, 3) and ((kl - per_dimension).abs() < 4 * error).all()
    rate, *parts = (found.examples[name] for name in ("rate", "mutual_information", "aggregated_kl"))
    torch.testing.assert_close(rate, parts[0] + parts[1], rtol=1e-12, atol=1e-12)


def test_the_cap_is_reported_and_a_diverged_member_has_no_values() -> None:
    found = measured(Scaled(SPREAD * 1e-4), 50)
    assert found.metrics["mutual_information"]["values"] == pytest.approx([math.log(50)] * 2, abs=1e-9)
    assert "cap log n = 3.91" in found.notes[0] and "2 of 2 seeds" in found.notes[0]
    broken = Scaled(gain=torch.stack([GAIN, GAIN * torch.nan]).unsqueeze(1))
    for entry in measured(broken, 50).metrics.values():
        assert [value is None for value in entry["values"]] == [False, True]


@pytest.mark.check("section 15", "I(x; z) of a mixture of three Gaussians agrees with its integral.")
def test_mutual_information_of_a_finite_set_is_its_integral(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.engine.evaluation.latent_use.BLOCK_ELEMENTS", 2**20)  # several blocks
    centres = torch.tensor([-1.0, 0.2, 1.5], dtype=torch.float64)
    spreads = torch.tensor([0.5, 0.3, 1.0], dtype=torch.float64)
    grid = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    each = torch.distributions.Normal(centres[:, None], spreads[:, None]).log_prob(grid)
    aggregated = each.logsumexp(0) - math.log(3)
    exact = torch.trapezoid(each.exp() * (each - aggregated), grid).mean().item()
    copies = 1000  # the same mixture, with one draw of each copy
    mean, spread = (part.repeat(copies).view(1, -1, 1) for part in (centres, spreads))
    z = mean + spread * Streams([0], dtype=torch.float64).normal("z", 3 * copies, 1)
    values = mutual_information(z, mean, spread)
    assert abs(values.mean().item() - exact) < 4 * values.std().item() / values.numel() ** 0.5
    assert mutual_information(z, mean * 0, spread * 0 + 1).abs().max() < 1e-10


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_families_without_a_gaussian_posterior_are_refused_in_one_sentence(family: str) -> None:
    spec = small_spec(family, [0, 1])
    data, streams = load_data(spec), Streams([0, 1], dtype=torch.float64)
    model = build_model(spec, data.info, streams)
    task = Task(model, data, SimpleNamespace(images=20), streams, lambda share: None)
    with torch.no_grad():
        if spec.model.kind in ("vae", "lae", "dlgm"):
            assert len(latents(task).metrics) == 6
            return
        with pytest.raises(WorkbenchError, match=r"^Latent diagnostics need [^.]*\.$"):
            latents(task)
