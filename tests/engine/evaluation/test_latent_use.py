"""Mutual information, rate and distortion of Gaussians for which they are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.engine.evaluation.lingauss import LinearGaussian
from tests.engine.small import load_data, small_spec
from workbench.engine.evaluation.entry import values_of
from workbench.engine.evaluation.latent_use import information_per_example, latent_use
from workbench.engine.evaluation.task import Task
from workbench.engine.gaussians import gaussian_kls
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.errors import WorkbenchError
from workbench.spec.estimates import estimate_settings


def streams() -> Streams:
    return Streams([0, 1], dtype=torch.float64)


def draws_of(mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    return mean + std * streams().normal("z", *mean.shape[1:])


@pytest.mark.check("section 9", "I(x; z) of separate, equal and Gaussian posteriors is the known value.")
def test_mutual_information_where_it_is_known() -> None:
    n = 300
    apart = torch.arange(n, dtype=torch.float64).view(1, n, 1).expand(2, -1, 2) * 100
    one = torch.ones(2, n, 2, dtype=torch.float64)
    found = information_per_example(apart, one, draws_of(apart, one))
    torch.testing.assert_close(found, torch.full_like(found, math.log(n)), rtol=0, atol=1e-6)
    same = information_per_example(0 * one, one, draws_of(0 * one, one))
    torch.testing.assert_close(same, torch.zeros_like(same), rtol=0, atol=1e-9)

    # means N(0, τ²) and variances 1 − τ²: q(z) = N(0, 1), I = −½ ln(1 − τ²) a dimension
    variance, count = 0.75, 3000
    mean = variance**0.5 * streams().normal("mean", count, 2)
    std = torch.full_like(mean, (1 - variance) ** 0.5)
    found = information_per_example(mean, std, draws_of(mean, std))
    truth = 2 * -0.5 * math.log(1 - variance)
    error = found.std(1) / count**0.5
    assert ((found.mean(1) - truth).abs() < 4 * error + 0.01).all()
    aggregated = gaussian_kls(mean, 2 * std.log()).sum(-1).mean(1) - found.mean(1)
    assert (aggregated.abs() < 0.1).all()


def test_one_example_at_a_time_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    mean, std = streams().normal("mean", 40, 3), 0.1 + streams().uniform("std", 40, 3)
    z = draws_of(mean, std)
    whole = information_per_example(mean, std, z)
    monkeypatch.setattr("workbench.engine.evaluation.latent_use.BLOCK_ELEMENTS", 1)
    torch.testing.assert_close(information_per_example(mean, std, z), whole, rtol=1e-12, atol=1e-12)
    normal = torch.distributions.Normal(mean[:, None], std[:, None])
    log_q = normal.log_prob(z[:, :, None]).sum(-1)
    by_hand = log_q.diagonal(dim1=1, dim2=2) - log_q.logsumexp(-1) + math.log(40)
    torch.testing.assert_close(whole, by_hand, rtol=0, atol=1e-9)


def measured(family: str, **settings: Any) -> Any:
    spec = small_spec(family, [0, 1])
    data = load_data(spec)
    model = build_model(spec, data.info, streams())
    chosen = estimate_settings("latents", {"images": 100, **settings})
    return model, data, latent_use(Task(model, data, chosen, streams(), lambda share: None))


@pytest.mark.check("section 9", "Rate + distortion is the NELBO; rate is I(x; z) + aggregated KL.")
def test_rate_and_distortion_add_up_to_the_bound() -> None:
    model, data, found = measured("vae")
    values = {
        name: torch.tensor(entry["values"], dtype=torch.float64) for name, entry in found.metrics.items()
    }
    torch.testing.assert_close(values["rate"], values["mutual_information"] + values["aggregated_kl"])
    x = next(data.chunks("test", streams(), 100, 100)).x
    bound = model.evaluate(x, streams())
    torch.testing.assert_close(values["rate"], bound["kl"].mean(1))
    error = bound["nelbo"].std(1) / 10
    assert ((values["rate"] + values["distortion"] - bound["nelbo"].mean(1)).abs() < 4 * error).all()
    assert found.arrays["kl_per_dimension"].sum(1) == pytest.approx(values["rate"].tolist())
    assert {"rate", "distortion", "mutual_information", "aggregated_kl"} == set(values_of(found.metrics))


def test_units_are_active_where_the_posterior_mean_varies() -> None:
    model = LinearGaussian(dimensions=3, latent=2)
    x = model.draw(200, streams())

    class Data:
        def chunks(self, *_: Any) -> Any:
            yield type("Batch", (), {"x": x})

    def proposal(x: torch.Tensor, _: Streams) -> tuple[torch.Tensor, torch.Tensor]:
        mean = torch.stack([x[..., 0], torch.full_like(x[..., 0], 3.0)], -1)  # the second says nothing
        return mean, torch.ones_like(mean)

    model.proposal = proposal  # type: ignore[method-assign]
    task = Task(model, Data(), estimate_settings("latents", {}), streams(), lambda share: None)  # type: ignore[arg-type]
    found = latent_use(task)
    assert found.metrics["active_units"]["values"] == [1.0, 1.0]
    assert found.arrays["mean_variance"][:, 1].max() < 1e-20


@pytest.mark.parametrize("family", ["vae-flow", "avb", "lebm", "binary-vae", "classifier"])
def test_other_posteriors_are_refused(family: str) -> None:
    with pytest.raises(WorkbenchError, match=r"Gaussian|latents|prior|posterior"):
        measured(family)


@pytest.mark.check("section 9", "A linear-Gaussian encoder has its exact rate, distortion and aggregated KL.")
def test_a_linear_gaussian_encoder_has_its_known_values() -> None:
    """q(z|x) = N(a x, s²) and p(x|z) = N(z, 0.5²) for x from N(0, I): q(z) = N(0, a² + s²)."""
    gain = torch.tensor([0.9, 0.5, 0.05], dtype=torch.float64)  # variances 0.81, 0.25 and 0.0025
    spread = torch.tensor([0.3, 0.6, 0.9], dtype=torch.float64)
    model = LinearGaussian(dimensions=3, latent=3)
    model.matrix, model.shift = torch.eye(3).double().expand(2, 3, 3), torch.zeros(2, 1, 3).double()
    x, count = streams().normal("data", 3000, 3), 3000

    class Data:
        def chunks(self, *_: Any) -> Any:
            yield from (type("Batch", (), {"x": part}) for part in x.split(1000, 1))

    def result(gain: torch.Tensor) -> Any:
        model.proposal = lambda x, _: (gain * x, spread.expand_as(x))  # type: ignore[method-assign]
        task = Task(model, Data(), estimate_settings("latents", {}), streams(), lambda share: None)  # type: ignore[arg-type]
        return latent_use(task)

    total = gain.square() + spread.square()
    kl = 0.5 * (total - 1) - spread.log()
    noise = ((1 - gain).square() + spread.square()) / 0.25
    exact = {
        "rate": kl.sum(),
        "distortion": 0.5 * (noise + math.log(2 * math.pi * 0.25)).sum(),
        "mutual_information": 0.5 * (total / spread.square()).log().sum(),
        "aggregated_kl": 0.5 * (total - 1 - total.log()).sum(),
    }
    found = result(gain)
    for name, value in exact.items():
        entry = found.metrics[name]
        assert entry["n"] == count
        for got, error in zip(entry["values"], entry["se"], strict=True):
            assert 0 < error < 0.1 and abs(got - value) < 4 * error, name
    assert found.metrics["active_units"]["values"] == [2, 2]
    per_dimension, error = (found.arrays[f"kl_per_dimension{end}"] for end in ("", "_se"))
    assert (abs(per_dimension - kl.numpy()) < 4 * error).all()

    x = x[:, :50]
    model.log_joint = lambda x, z: z.sum(-1)  # type: ignore[method-assign]  # its own refuses NaN
    diverged = result(torch.stack([gain, gain * math.nan]).unsqueeze(1))
    for entry in diverged.metrics.values():
        assert [value is None for value in entry["values"]] == [False, True]


def test_mutual_information_of_a_mixture_is_its_integral() -> None:
    centres = torch.tensor([-1.0, 0.2, 1.5], dtype=torch.float64)
    spreads = torch.tensor([0.5, 0.3, 1.0], dtype=torch.float64)
    grid = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    each = torch.distributions.Normal(centres[:, None], spreads[:, None]).log_prob(grid)
    exact = torch.trapezoid(each.exp() * (each - each.logsumexp(0) + math.log(3)), grid).mean()
    mean, std = (part.repeat(500).view(1, -1, 1).expand(2, -1, 1) for part in (centres, spreads))
    found = information_per_example(mean, std, draws_of(mean, std))  # copies leave the mixture as it is
    assert ((found.mean(1) - exact).abs() < 4 * found.std(1) / found.shape[1] ** 0.5).all()
