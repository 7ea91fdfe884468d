"""AVB: what the adversary learns, what it may touch, and what may be called a bound (models.md §6, §17.7)."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.models import avb
from workbench.engine.models.avb import AVB
from workbench.engine.models.avb_adversaries import Residual
from workbench.engine.models.avb_encoders import PairInput
from workbench.engine.optim import SGD, Adam, rate_factor, set_rates
from workbench.engine.streams import Streams
from workbench.spec.models.avb import AVBSettings
from workbench.spec.schema import TrainingSettings

CODES = DataInfo("onehot4", (4,), "binary", 4096, 1024, 4)
TRAINING = TrainingSettings(iterations=10, batch=24, beta1=0.5)
TWO_LN_TWO = 2 * math.log(2)
CONTRAST: dict[str, Any] = {"adaptive_contrast": True, "noise": 2, "noise_basis": 3, "noise_net": [8]}


def streams(members: int = 2) -> Streams:
    return Streams(range(members), dtype=torch.float64)


def make(members: int = 2, training: TrainingSettings = TRAINING, **settings: Any) -> AVB:
    body = {"noise": 4, "encoder": [16, 12], "decoder": [16], "adversary": [16], **settings}
    return AVB(AVBSettings(**body), training, CODES, streams(members))


def own(model: AVB) -> list[Tensor]:
    """The weights of encoder, decoder and likelihood."""
    return model.optimisers["model"].param_groups[0]["params"]


def batch(members: int = 2, size: int = 24) -> Batch:
    index = torch.arange(size).expand(members, -1) % 4
    return Batch(torch.eye(4, dtype=torch.float64)[index], index, index)


class Silent(Streams):
    """Streams whose normals are all zero."""

    def normal(self, purpose: str, *shape: int) -> Tensor:
        return torch.zeros(len(self.seeds), *shape, dtype=self.dtype)


def zero(module: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()


def test_a_pair_input_is_one_linear_layer_of_both() -> None:
    layer = PairInput(3, 2, 5, streams())
    x, u = streams().normal("x", 7, 3), streams().normal("u", 7, 2)
    torch.testing.assert_close(layer(layer.share(x), u), layer.linear(torch.cat([x, u], -1)))


def test_a_residual_block_starts_as_the_identity_and_can_leave_it() -> None:
    block, h = Residual(6, "elu", streams()), streams().normal("h", 7, 6)
    assert torch.equal(block(h), h)
    block(h).square().sum().backward()
    assert block.body[-1].weight.grad.abs().max() > 0


FORMS = pytest.mark.parametrize("form", ["joint", "inner-product"])


@FORMS
def test_t_is_the_prior_term_where_the_net_is_zero(form: str) -> None:
    model = make(adversary_form=form)
    zero(model.adversary)
    z = streams().normal("z", 24, 2)
    t = model.adversary(model.adversary.share(batch().x), z)
    torch.testing.assert_close(t, 0.5 * z.square().sum(-1))


def test_an_inner_product_is_its_four_parts() -> None:
    model = make(adversary_form="inner-product", adversary_features=5, adversary_blocks=2)
    t, x, z = model.adversary, batch().x, streams().normal("z", 24, 2)
    theta, s = t.theta(x), t.s(z)
    assert theta.shape == s.shape == (2, 24, 5)
    whole = (theta * s).sum(-1) / 5**0.5 + (t.x_only(x) + t.z_only(z)).squeeze(-1) + 0.5 * z.square().sum(-1)
    torch.testing.assert_close(t(t.share(x), z), whole)
    blocks = [sum(isinstance(part, Residual) for part in net) for net in (t.theta, t.s, t.x_only, t.z_only)]
    assert blocks == [2, 2, 2, 2]


@pytest.mark.check("section 6", "The logistic loss is 2 ln 2 at T = 0.")
@FORMS
def test_the_logistic_loss_is_two_ln_two_where_t_is_zero(form: str) -> None:
    model = make(adversary_form=form)
    zero(model.adversary)
    zero(model.encoder)
    loss = model._adversary_steps(batch().x, Silent(range(2), dtype=torch.float64))
    # the first update sees T = 0 at z = 0 and gives equal and opposite gradients: T stays 0
    torch.testing.assert_close(loss, torch.full((2,), TWO_LN_TWO, dtype=torch.float64), rtol=0, atol=1e-12)


def test_inputs_are_centred_on_request_and_the_target_is_not() -> None:
    plain, centred = make(), make(centre_inputs=True)
    x = batch().x
    by_hand = plain.encoder_draws(2 * x - 1, 3, streams())
    torch.testing.assert_close(centred.encoder_draws(x, 3, streams()), by_hand)
    z = streams().normal("z", 24, 2)
    torch.testing.assert_close(centred.log_joint(x, z), plain.log_joint(x, z))


@pytest.mark.check("catalogue 7", "With adaptive contrast, too, the model's step leaves no gradient in T.")
@pytest.mark.check("catalogue 7", "The model's step leaves T and its gradients unchanged.")
@pytest.mark.parametrize("settings", [{}, {"adversary_form": "inner-product"}, CONTRAST], ids=str)
def test_the_model_step_leaves_no_gradient_in_t_and_does_not_move_it(settings: dict[str, Any]) -> None:
    model, twin = make(**settings), make(**settings)
    model.training_step(batch(), streams())
    assert all(parameter.grad is None for parameter in model.adversary.parameters())
    assert all(parameter.requires_grad for parameter in model.adversary.parameters())
    assert all(parameter.grad is not None for parameter in model.encoder.parameters())
    twin._adversary_steps(batch().x, streams())
    for one, other in zip(model.adversary.parameters(), twin.adversary.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_adversary_steps_do_not_move_the_model() -> None:
    model = make()
    before = [parameter.clone() for parameter in own(model)]
    model._adversary_steps(batch().x, streams())
    assert all(torch.equal(a, b) for a, b in zip(before, own(model), strict=True))
    assert all(parameter.grad is None for parameter in own(model))


def test_each_adversary_step_is_an_update_of_its_own() -> None:
    model = make(adversary_steps=5)
    model.training_step(batch(), streams())
    for name, count in (("model", 1), ("adversary", 5)):
        assert {int(state["step"]) for state in model.optimisers[name].state.values()} == {count}


def test_the_encoder_is_pushed_through_t_and_through_the_decoder() -> None:
    """The encoder's gradient is that of −log p(x|z) + T(x, z), T's weights held fixed."""
    model = make(members=1, training=TRAINING.model_copy(update={"optimiser": "sgd", "lr": 1.0}))
    before = [parameter.clone() for parameter in own(model)]
    model.training_step(batch(1), streams(1))
    moved = [a - b for a, b in zip(before, own(model), strict=True)]
    # the same by hand, from the start, with T as the step left it
    twin = make(members=1)
    twin.adversary.load_state_dict(model.adversary.state_dict())
    x, noise = batch(1).x, streams(1).normal("noise", 24, 4)
    z = twin.encoder(twin.encoder.share(x), noise)
    t = twin.adversary(twin.adversary.share(x), z)
    loss = (t - twin.likelihood.log_prob(x, twin.decoder(z))).mean()
    gradients = torch.autograd.grad(loss, own(twin))
    for step, gradient in zip(moved, gradients, strict=True):
        torch.testing.assert_close(step, gradient)


def test_sgd_is_for_the_model_only_and_the_schedule_for_both() -> None:
    training = TRAINING.model_copy(update={"optimiser": "sgd", "lr": 0.5, "schedule": "linear"})
    model = make(training=training, adversary_lr=0.25)
    assert isinstance(model.optimisers["model"], SGD)
    assert isinstance(model.optimisers["adversary"], Adam)
    assert model.optimisers["adversary"].param_groups[0]["betas"][0] == 0.5
    set_rates(model.optimisers.values(), rate_factor(training, 10, 10))
    rates = {name: optimiser.param_groups[0]["lr"] for name, optimiser in model.optimisers.items()}
    assert rates == {"model": pytest.approx(0.01), "adversary": pytest.approx(0.005)}


@pytest.mark.check("section 6", "No value estimated with T is called a bound.")
def test_nothing_estimated_by_t_is_called_a_bound() -> None:
    model = make()
    for found in (model.training_step(batch(), streams()), model.evaluate(batch().x, streams())):
        assert not {"nelbo", "kl", "test_nelbo"} & found.keys()
        total = found["reconstruction"] + found["kl_adversary"]
        torch.testing.assert_close(found["elbo_adversary"], -total)


def test_draws_do_not_depend_on_how_they_are_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = make(), batch().x
    whole = model.encoder_draws(x, 7, streams())
    assert whole.shape == (7, 2, 24, 2)
    monkeypatch.setattr(avb, "ROWS", 2 * 24)
    torch.testing.assert_close(model.encoder_draws(x, 7, streams()), whole, rtol=0, atol=1e-14)


def test_draws_of_a_linear_encoder_have_its_moments() -> None:
    model = linear_gaussian(scale=0.5)
    x = batch(1, 4).x
    draws = model.encoder_draws(x, 20_000, streams(1))
    torch.testing.assert_close(draws.mean(0), MEANS[None], rtol=0, atol=0.02)
    torch.testing.assert_close(draws.std(0), torch.full_like(MEANS, 0.5)[None], rtol=0.02, atol=0)
    mean, std = model.proposal(x, streams(1))
    torch.testing.assert_close(mean, MEANS[None], rtol=0, atol=0.2)
    torch.testing.assert_close(std, torch.full_like(MEANS, 0.6)[None], rtol=0.25, atol=0)


MEANS = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)


def linear_gaussian(scale: float, **settings: Any) -> AVB:
    """Return an AVB whose encoder is z = MEANS[x] + scale · ε, so that q(z|x) is known."""
    model = make(1, encoder=[], noise=2, **settings)
    with torch.no_grad():
        linear = model.encoder.layers[0].linear
        linear.weight[0] = torch.cat([MEANS, scale * torch.eye(2, dtype=torch.float64)])
        linear.bias.zero_()
    return model


@pytest.mark.check("catalogue 7", "T of a Gaussian encoder is the log ratio; its mean is the KL (5 %).")
@FORMS
def test_t_learns_the_log_ratio_of_a_gaussian_encoder(form: str) -> None:
    """E_q[T] = KL(q || p) within 5 %, and T = log q(z|x) − log p(z) point by point (§17.7)."""
    scale, updates = 0.5, 600
    schedule = TRAINING.model_copy(update={"iterations": updates, "schedule": "linear", "decay_from": 0.3})
    t = {"adversary": [64], "adversary_lr": 5e-3, "adversary_steps": 1, "adversary_form": form}
    model = linear_gaussian(scale, training=schedule, adversary_features=8, **t)
    x, noise = batch(1, 128).x, streams(1)
    for update in range(updates):
        set_rates(model.optimisers.values(), rate_factor(schedule, update, updates))
        model._adversary_steps(x, noise)
    z = model.encoder_draws(x, 80, streams(1)).flatten(0, 2)[None]
    with torch.no_grad():
        t = model.adversary(model.adversary.share(x.repeat(1, 80, 1)), z)[0]
    kl = 2 * (0.5 * (scale**2 + 1 - 1) - math.log(scale))
    assert t.mean().item() == pytest.approx(kl, rel=0.05)
    mean = x.repeat(1, 80, 1) @ MEANS
    log_q = -0.5 * ((z - mean) / scale).square().sum(-1) - 2 * math.log(scale)
    log_ratio = (log_q + 0.5 * z.square().sum(-1))[0]
    assert (t - log_ratio).square().mean().sqrt() < 0.25 * log_ratio.std()


def test_residual_blocks_need_a_layer() -> None:
    with pytest.raises(ValidationError, match="adversary_blocks"):
        AVBSettings(adversary=[])
    model = make(adversary=[], adversary_blocks=0)
    model.training_step(batch(), streams())
