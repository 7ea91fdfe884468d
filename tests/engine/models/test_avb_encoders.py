"""Encoders of AVB: where noise enters, and what adaptive contrast knows of its own moments (models.md §6)."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.engine.models.test_avb import CONTRAST, TWO_LN_TWO, batch, make, streams, zero
from workbench.engine.ensemble import Linear
from workbench.engine.models.avb import AVB
from workbench.engine.models.avb_encoders import VARIANCE_FLOOR
from workbench.engine.streams import Streams
from workbench.spec.models.avb import AVBSettings


def test_noise_added_to_x_is_an_encoder_of_noisy_data() -> None:
    encoder = make(noise_kind="added", noise_scale=0.3).encoder
    x, noise = batch().x, streams().normal("u", 24, 4)
    assert encoder.noise == 4
    quiet = encoder(encoder.share(x + 0.3 * noise), torch.zeros_like(noise))
    torch.testing.assert_close(encoder(encoder.share(x), noise), quiet)


@pytest.mark.parametrize(
    ("kind", "place", "needed", "reached"),
    [
        ("concatenated", "input", 4, 1),
        ("concatenated", "every-layer", 4, 3),  # one ε for all layers
        ("added", "input", 4, 1),  # as wide as x
        ("added", "every-layer", 4 + 16 + 12, 3),  # as wide as the input of each layer
    ],
)
def test_noise_enters_where_it_is_asked_to(kind: str, place: str, needed: int, reached: int) -> None:
    encoder = make(noise_kind=kind, noise_at=place).encoder
    assert encoder.noise == needed
    x, noise = batch().x, streams().normal("u", 24, needed)
    assert sum(not isinstance(layer, Linear) for layer in encoder.layers) == reached
    z = encoder(encoder.share(x), noise)
    for first in range(0, needed, 4):  # every part of the noise counts
        changed = noise.clone()
        changed[..., first] += 1
        assert (encoder(encoder.share(x), changed) - z).abs().max() > 1e-4


def test_contrast_refuses_other_noise() -> None:
    for other in ({"noise_kind": "added"}, {"noise_at": "every-layer"}):
        with pytest.raises(ValidationError, match="adaptive_contrast"):
            AVBSettings(adaptive_contrast=True, **other)


def test_a_stack_of_noise_nets_is_as_many_nets() -> None:
    encoder = make(**CONTRAST).encoder
    noise = streams().normal("u", 24, 6)
    values = encoder.values(noise)
    first, last = encoder.noise_nets[0], encoder.noise_nets[2]
    for k in range(3):
        h = noise[..., 2 * k : 2 * k + 2] @ first.weight[:, k] + first.bias[:, k]
        expected = torch.nn.functional.elu(h) @ last.weight[:, k] + last.bias[:, k]
        torch.testing.assert_close(values[:, :, k], expected)


def test_amplitudes_start_near_e_to_the_minus_five() -> None:
    encoder = make(**CONTRAST).encoder
    a = encoder.share(batch().x)[..., 2:]
    assert a.shape == (2, 24, 3 * 2)
    assert (a > 0).all()
    assert abs(a.log().mean().item() + 5) < 0.5


def test_moments_are_those_of_the_draws() -> None:
    """m(x) and s(x)² equal the moments of z over every noise value of the batch, x held fixed."""
    encoder = make(**CONTRAST).encoder
    with torch.no_grad():
        encoder.net[-1].bias += 4.0  # amplitudes around e⁻¹
    x, values = batch(2, 4).x, encoder.values(streams().normal("u", 4000, 6))
    share = encoder.share(x)
    mean, std = encoder.moments(share, values)
    z = encoder.combine(share.repeat_interleave(4000, 1), values.repeat(1, 4, 1, 1)).view(2, 4, 4000, 2)
    torch.testing.assert_close(mean, z.mean(2), rtol=1e-9, atol=1e-9)
    # the functions are independent of each other, which a finite batch shows up to 1/√4000
    torch.testing.assert_close(std, z.std(2), rtol=0.03, atol=0)


def gaussian_contrast(amplitude: float = 0.5, **settings: Any) -> AVB:
    """Return a model whose encoder is z = x W + amplitude · ε exactly, and whose T is zero."""
    model = make(1, adaptive_contrast=True, noise=2, noise_basis=1, noise_net=[], encoder=[], **settings)
    encoder = model.encoder
    zero(model.adversary)
    with torch.no_grad():
        encoder.net[0].weight[..., 2:] = 0
        encoder.net[0].bias[..., :2] = 0
        encoder.net[0].bias[..., 2:] = math.log(amplitude) + 5  # elu(log a) + 1 = a for a ≤ 1
        encoder.noise_nets[0].weight[0, 0] = torch.eye(2, dtype=torch.float64)
        encoder.noise_nets[0].bias.zero_()
    return model


class Whitened(Streams):
    """Streams whose "noise" has mean 0 and variance 1 in the batch itself, so that m and s are exact."""

    def normal(self, purpose: str, *shape: int) -> Tensor:
        drawn = super().normal(purpose, *shape)
        return (drawn - drawn.mean(1, keepdim=True)) / drawn.std(1, keepdim=True, correction=0)


def analytic_kl(model: AVB, x: Tensor, scale: float) -> Tensor:
    mean = (x @ model.encoder.net[0].weight)[..., :2]
    variance = scale**2 + VARIANCE_FLOOR
    return 0.5 * (mean.square() + variance - 1 - math.log(variance)).sum(-1)


@pytest.mark.check("catalogue 7", "Adaptive contrast with T = 0 gives the analytic KL.")
@pytest.mark.parametrize("form", ["joint", "inner-product"])
def test_contrast_with_a_gaussian_encoder_and_no_t_is_the_analytic_kl(form: str) -> None:
    """T* = 0 for a Gaussian posterior: KL_hat is exact while T knows nothing (§17.7)."""
    scale = 0.5
    model = gaussian_contrast(scale, adversary_form=form)
    x = batch(1, 1).x.repeat(1, 4000, 1)  # one code many times: the mean over the batch is the one over ε
    white = Whitened([0], dtype=torch.float64)
    _, seen, known = model._latents(model.encoder.share(x), white.normal("noise", 4000, 2))
    t = model.adversary(model.adversary.share(x), seen)
    assert torch.equal(t, torch.zeros_like(t))
    expected = analytic_kl(model, x, scale)
    # E z̃² is scale²/s², short of 1 by the floor: 1e-6/0.25
    assert known.mean().item() == pytest.approx(expected.mean().item(), abs=1e-5)
    assert expected.mean().item() > 0.6


@pytest.mark.check("catalogue 7", "Adaptive contrast with T = 0 gives the log ratio at every point.")
def test_contrast_is_exact_point_by_point_with_a_gaussian_encoder() -> None:
    """What is known without T is log q(z|x) − log p(z) at every single z."""
    model, x = gaussian_contrast(0.8), batch(1, 400).x
    noise = Whitened([0], dtype=torch.float64).normal("noise", 400, 2)
    z, _, known = model._latents(model.encoder.share(x), noise)
    mean, std = (x @ model.encoder.net[0].weight)[..., :2], math.sqrt(0.8**2 + VARIANCE_FLOOR)
    log_q = (-0.5 * ((z - mean) / std).square() - math.log(std)).sum(-1)
    torch.testing.assert_close(known, log_q + 0.5 * z.square().sum(-1))


def test_mean_and_deviation_carry_no_gradient() -> None:
    """KL_hat pushes z as if m(x) and s(x) were numbers: d known/dz = z − (z − m)/s², and nothing more."""
    model = make(**CONTRAST)
    encoder, x = model.encoder, batch().x
    noise = streams().normal("u", 24, 6)
    share = encoder.share(x)
    mean, std = encoder.moments(share, encoder.values(noise))
    assert not mean.requires_grad
    assert not std.requires_grad
    _, _, known = model._latents(share, noise)
    found = torch.autograd.grad(known.sum(), list(encoder.parameters()), retain_graph=True)
    z = encoder(share, noise)
    push = (z - (z - mean) / std.square()).detach()
    expected = torch.autograd.grad((push * z).sum(), list(encoder.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9)


@pytest.mark.check("section 6", "Under adaptive contrast, T learns nothing from a Gaussian posterior.")
def test_t_has_nothing_to_learn_from_a_gaussian_posterior() -> None:
    """z̃ is standard normal whatever x: the loss stays near 2 ln 2, its value at T = 0."""
    model, x = gaussian_contrast(), batch(1, 512).x
    random = streams(1)
    assert model._adversary_steps(x, random).item() == pytest.approx(TWO_LN_TWO, abs=0.02)
    losses = [model._adversary_steps(x, random).item() for _ in range(100)]
    assert sum(losses[50:]) / 50 == pytest.approx(TWO_LN_TWO, abs=0.02)
