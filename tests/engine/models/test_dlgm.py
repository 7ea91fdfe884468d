"""DLGM against the VAE it must be without a chain, and its chain against an exact posterior."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.engine.small import batch_of
from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.models.dlgm import DLGM
from workbench.engine.models.vae import VAE
from workbench.engine.streams import Streams
from workbench.spec.models.dlgm import DLGMSettings
from workbench.spec.models.vae import VAESettings
from workbench.spec.schema import TrainingSettings

TRAINING = TrainingSettings(iterations=1, optimiser="sgd", lr=1.0)  # the update is the gradient
SIZES: dict[str, Any] = {"latent": 2, "encoder": [8], "decoder": [8], "draws": 3}
SETTINGS = SIZES | {"likelihood": "discretised-logistic", "beta": 0.7, "l2": 0.1, "layer_norm": True}


def streams() -> Streams:
    return Streams([0, 1], dtype=torch.float64)


def batch() -> Batch:
    return batch_of(Streams([7, 8], dtype=torch.float64).uniform("x", 6, 9))


def dlgm(**changes: Any) -> DLGM:
    settings = DLGMSettings(kind="dlgm", **{**SETTINGS, **changes})
    return DLGM(settings, TRAINING, DataInfo("bits", (3, 3), "grey", 50, 20, 0), streams())


def gradients(model: VAE) -> dict[str, torch.Tensor]:
    model.training_step(batch(), streams())
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.check("section 8", "DLGM without Langevin steps has the VAE's gradients.")
def test_without_steps_every_gradient_is_the_vaes() -> None:
    plain = VAE(VAESettings(kind="vae", **SETTINGS), TRAINING, dlgm().data, streams())
    expected, found = gradients(plain), gradients(dlgm(chain_steps=0))
    assert expected.keys() == found.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-12, atol=1e-12)


def test_with_steps_the_encoders_gradient_stays_and_the_decoders_changes() -> None:
    plain, moved = gradients(dlgm(chain_steps=0)), gradients(dlgm(chain_steps=4, chain_step=0.05))
    for name in plain:
        same = torch.allclose(plain[name], moved[name], rtol=1e-12, atol=1e-12)
        assert same == name.startswith("encoder"), name


def test_the_decoders_gradient_is_taken_at_the_ends_of_the_chains() -> None:
    model = dlgm(chain_steps=3, l2=0.0, draws=1)
    data, noise = batch(), streams()
    mean, log_variance = model.posterior(data.x)
    start = mean + torch.exp(0.5 * log_variance) * noise.normal("noise", 1, 6, 2)[:, 0]
    end = model.refine(data.x, start.detach(), noise)
    assert not torch.allclose(end, start)
    loss = -model.likelihood.log_prob(data.x, model.decoder(end)).mean(1) + model.likelihood.penalty() / 50
    names = [name for name, _ in model.named_parameters() if not name.startswith("encoder")]
    parameters = dict(model.named_parameters())
    expected = torch.autograd.grad(loss.sum(), [parameters[name] for name in names])
    found = gradients(model)
    for name, gradient in zip(names, expected, strict=True):
        torch.testing.assert_close(found[name], gradient)


@pytest.mark.check("section 8", "A long DLGM chain samples the exact posterior.")
def test_a_long_chain_forgets_the_encoder_and_finds_the_posterior() -> None:
    """Linear decoder, Gaussian pixels: z|x ~ N(M⁻¹Aᵀx, σ²M⁻¹); ULA's own bias at η = 0.005 is below 2 %."""
    sigma, copies = 0.5, 4000
    nets: dict[str, Any] = {"latent": 2, "encoder": [], "decoder": [], "likelihood": "gaussian"}
    settings = DLGMSettings(**nets, sigma=sigma, chain_steps=600)
    one = Streams([3], dtype=torch.float64)
    model = DLGM(settings, TRAINING, DataInfo("linear", (3,), "points", 50, 20, 0), one)
    matrix, x = one.normal("A", 2, 3)[0], one.normal("x", 1, 3)
    with torch.no_grad():
        (decoder,) = model.decoder.children()
        decoder.load_state_dict({"weight": matrix[None], "bias": torch.zeros(1, 1, 3)})
    ends = model.refine(x.expand(1, copies, 3), torch.full((1, copies, 2), 3.0, dtype=torch.float64), one)[0]
    precision = matrix @ matrix.T + sigma**2 * torch.eye(2, dtype=torch.float64)
    covariance = sigma**2 * precision.inverse()
    mean = precision.inverse() @ matrix @ x[0, 0]
    error = (ends.mean(0) - mean).abs() / (covariance.diagonal() / copies).sqrt()
    assert error.max() < 4
    spread = torch.cov(ends.T)
    allowed = 4 * covariance.diagonal().max() * math.sqrt(2 / copies) + 0.03 * covariance.diagonal().max()
    assert (spread - covariance).abs().max() < allowed


def test_judging_is_the_vaes() -> None:
    model = dlgm(chain_steps=5)
    plain = VAE(VAESettings(kind="vae", **SETTINGS), TRAINING, model.data, streams())
    found, expected = (m.evaluate(batch().x, streams()) for m in (model, plain))
    assert all(torch.equal(found[name], expected[name]) for name in expected)
