"""Quadrature of log p(x) over two latent dimensions against a closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.engine.evaluation.lingauss import LinearGaussian
from workbench.engine.evaluation import quadrature
from workbench.engine.evaluation.quadrature import log_px, log_z
from workbench.engine.streams import Streams


@pytest.mark.check("section 2", "Quadrature over two latents matches the closed form of log p(x).")
@pytest.mark.parametrize("latent", [1, 2])
def test_matches_the_linear_gaussian_closed_form(latent: int) -> None:
    model = LinearGaussian(latent=latent)
    x = model.draw(4, Streams([0, 1], dtype=torch.float64))
    torch.testing.assert_close(log_px(model, x)[0], model.log_px(x), rtol=0, atol=1e-6)


@pytest.mark.check("whole 9", "Quadrature gives log Z in one and two dimensions.")
@pytest.mark.parametrize("latent", [1, 2])
def test_log_z_of_a_tilted_prior(latent: int) -> None:
    """f(z) = c·z − ½ z² leaves precision 2: Z = Π exp(c²/4) / √2."""

    class Tilted(LinearGaussian):
        def log_prior(self, z: Tensor) -> Tensor:
            normal = torch.distributions.Normal(0.0, 1.0).log_prob(z)
            return (normal + 0.7 * z - 0.5 * z.square()).sum(-1)

    model = Tilted(latent=latent)
    expected = torch.full((2,), latent * (0.7**2 / 4 - 0.5 * math.log(2)), dtype=torch.float64)
    torch.testing.assert_close(log_z(model, torch.zeros((), dtype=torch.float64))[0], expected)


def test_blocks_do_not_change_the_value_and_other_latent_sizes_are_refused(monkeypatch) -> None:
    with pytest.raises(ValueError, match="1 or 2 latent dimensions"):
        log_px(LinearGaussian(latent=3), torch.zeros(2, 1, 3, dtype=torch.float64))
    model = LinearGaussian()
    x = model.draw(3, Streams([0, 1], dtype=torch.float64))
    whole = log_px(model, x, points=40)[0]
    monkeypatch.setattr(quadrature, "BLOCK_ROWS", 6 * 7)
    torch.testing.assert_close(log_px(model, x, points=40)[0], whole, rtol=0, atol=1e-12)


def test_is_exact_enough_for_the_steep_decoders_of_a_trained_model() -> None:
    """One bit with p(x = 1|z) = sigmoid(30 z₁ + 7), steeper than what training makes, against 1-d sums."""

    class Steep(LinearGaussian):
        def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
            prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
            return prior + torch.distributions.Bernoulli(logits=30 * z[..., 0] + 7).log_prob(x[..., 0])

    axis = torch.linspace(-8, 8, 200_001, dtype=torch.float64)
    density = torch.distributions.Normal(0.0, 1.0).log_prob(axis).exp() * (16 / 200_000)
    exact = (density * torch.sigmoid(30 * axis + 7)).sum().log()
    ones = torch.ones(2, 1, 1, dtype=torch.float64)
    for points, error in ((100, 2e-3), (200, 1e-4)):
        found = log_px(Steep(), ones, points)[0]
        torch.testing.assert_close(found, exact.expand(2, 1), rtol=0, atol=error)


@pytest.mark.check("science 2", "Quadrature is within 0.01 nats of sharp posteriors, or flagged.")
@pytest.mark.parametrize("latent", [1, 2])
@pytest.mark.parametrize("spread", [1.0, 0.05, 0.01, 0.005, 1e-4])
def test_a_sharp_posterior_is_refined(latent: int, spread: float) -> None:
    model = LinearGaussian(members=1, latent=latent, sigma=1.0)
    axes = torch.linalg.qr(model.matrix[0]).Q  # turned and sheared: a ridge, if it is 2-d
    model.matrix = axes.unsqueeze(0) * torch.tensor([1.0, 0.3])[:latent] / spread
    x = model.draw(20, Streams([0], dtype=torch.float64))
    values, errors = log_px(model, x, 60)
    assert ((values - model.log_px(x)).abs()[errors == 0] < 0.01).all()
    assert (errors == 0).all()


def test_mass_outside_the_first_box_is_found_and_two_sharp_peaks_are_flagged() -> None:
    class Peaks(LinearGaussian):
        def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
            peaks = [
                torch.distributions.Normal(mean, x[0, 0, 1]).log_prob(z).sum(-1) for mean in x[0, 0, ::2]
            ]
            return torch.stack(peaks).logsumexp(0) - math.log(2)

    for settings, settled in (
        ((7.2, 0.1, 7.8), True),
        ((-5.0, 0.001, 4.0), False),
        ((-50.0, 0.01, -50.0), True),
    ):
        values, errors = log_px(Peaks(members=1, latent=1), torch.tensor([[settings]]).double(), 60)
        assert bool(errors == 0) == settled
        assert (values.abs() < 0.01).item() or not settled


@pytest.mark.check(
    "science 3", "log Z does not change when the box doubles, wherever the prior has its mass."
)
@pytest.mark.parametrize("shift", [0.0, 5.0, 20.0])
def test_log_z_of_a_prior_whose_mass_lies_outside_the_first_box(shift: float) -> None:
    """exp(a z₁) N(z; 0, I) has log Z = a²/2 and its mass at z₁ = a."""

    class Shifted(LinearGaussian):
        def log_prior(self, z: Tensor) -> Tensor:
            return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1) + shift * z[..., 0]

    value, error = log_z(Shifted(members=1), torch.zeros((), dtype=torch.float64), 100)
    assert value.item() == pytest.approx(shift**2 / 2, abs=1e-3)
    assert error.item() == 0
