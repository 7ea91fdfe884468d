"""FGSM and PGD: how far they go, where they stop, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.engine.small import make_trainer, small_spec
from workbench.engine.data.batch import DataInfo
from workbench.engine.evaluation.attacks import fgsm, pgd
from workbench.engine.models.classifier import Classifier, nll
from workbench.engine.streams import Streams
from workbench.spec.metrics import EPSILONS
from workbench.spec.models.classifier import ClassifierSettings
from workbench.spec.schema import TrainingSettings

SEEDS = (3, 8)
DATA = DataInfo("mnist", (28, 28), "grey", 100, 100, 10)
X = torch.rand(2, 6, 784, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
Y = torch.randint(10, (2, 6), generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=["mlp", "cnn"])
def model(request: pytest.FixtureRequest) -> Classifier:
    settings = ClassifierSettings(net=request.param, hidden=[12])
    training = TrainingSettings(iterations=1)
    return Classifier(settings, training, DATA, Streams(SEEDS, dtype=torch.float64))


def attacks(model: Classifier, eps: float, steps: int = 40) -> list[Tensor]:
    def cost(x: Tensor) -> Tensor:
        return nll(model.net(x), Y)

    return [fgsm(cost, X, eps), pgd(cost, X, eps, steps, 0.01)]


@pytest.mark.check("catalogue 13", "ε = 0 changes nothing.")
def test_epsilon_0_changes_nothing(model: Classifier) -> None:
    for attacked in attacks(model, 0.0):
        assert torch.equal(attacked, X)


@pytest.mark.check("catalogue 13", "|x′ − x| ≤ ε in [0, 1], and the cost rises.")
@pytest.mark.parametrize("eps", [0.01, 0.1, 0.3])
def test_pixels_stay_in_the_ball_and_in_range_and_the_cost_rises(model: Classifier, eps: float) -> None:
    before = nll(model.net(X), Y)
    for attacked in attacks(model, eps):
        assert (attacked - X).abs().max() <= eps + 1e-12
        assert (attacked - X).abs().max() > 0.99 * eps
        assert 0 <= attacked.min() <= attacked.max() <= 1
        assert (nll(model.net(attacked), Y) > before).all()


@pytest.mark.check("section 10", "PGD costs at least as much as FGSM.")
def test_many_steps_cost_more_than_one(model: Classifier) -> None:
    one, many = (nll(model.net(attacked), Y) for attacked in attacks(model, 0.3))
    assert (many.mean(1) >= one.mean(1) - 1e-3).all()


@pytest.mark.check("catalogue 13", "PGD of 3 × 0.01 is identical for every ε ≥ 0.03.")
def test_three_steps_cannot_depend_on_epsilon_beyond_their_reach(model: Classifier) -> None:
    near, at, *beyond = (attacks(model, eps, steps=3)[1] for eps in (0.02, 0.03, 0.05, 0.1, 0.2, 0.3))
    for other in beyond:
        assert torch.equal(other, beyond[0])
        torch.testing.assert_close(at, other, rtol=0, atol=1e-15)  # 3 · 0.01 rounds, and so does x + 0.03
    assert not torch.allclose(near, at)


@pytest.mark.check("catalogue 13", "Attacks leave weights and gradients unchanged.")
def test_weights_and_their_gradients_are_untouched(model: Classifier) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    attacks(model, 0.1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


@pytest.mark.check("catalogue 13", "Attacks disable dropout and leave its random stream unchanged.")
def test_dropout_is_off_in_an_attack_and_training_does_not_notice_it(tmp_path: Path) -> None:
    """The same attack twice gives the same pictures; the next updates are those without any attack."""
    model = {"dropout": 0.5, "attack_images": 20, "pgd_steps": 3}
    trainers = [
        make_trainer(small_spec("classifier", [3, 8], 10, model=model), tmp_path / name) for name in "ab"
    ]
    for trainer in trainers:
        trainer.train_step()
    attacked, plain = trainers
    random = attacked.streams.state_dict()
    first, second = (
        attacked.model.summary(attacked.data, attacked.spec.evaluation, attacked.streams) for _ in range(2)
    )
    assert first == second and len(first) == 2 + 2 * 2 * len(EPSILONS)
    after = attacked.streams.state_dict()
    assert after.keys() == random.keys() and "dropout" in after
    for purpose, states in random.items():
        assert all(torch.equal(a, b) for a, b in zip(states, after[purpose], strict=True))
    for trainer in trainers:
        trainer.train_step()
    for left, right in zip(attacked.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(left, right)


def test_one_member_is_attacked_as_if_it_were_alone(model: Classifier) -> None:
    alone = Classifier(model.settings, model.training_settings, DATA, Streams(SEEDS[1:], dtype=torch.float64))

    def cost(x: Tensor) -> Tensor:
        return nll(alone.net(x), Y[1:])

    torch.testing.assert_close(pgd(cost, X[1:], 0.1, 5, 0.01)[0], attacks(model, 0.1, 5)[1][1])


@pytest.mark.check("section 10", "FGSM lowers a linear margin by ε‖w‖₁.")
def test_fgsm_lowers_a_linear_margin_by_epsilon_times_the_one_norm() -> None:
    """margin = wᵀx + b for the class +1; cost = log(1 + e^−margin). Inside [0, 1], so nothing is cut."""
    w = torch.randn(1, 1, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    x = 0.4 + 0.2 * torch.rand(1, 9, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def margin(x: Tensor) -> Tensor:
        return (x * w).sum(-1) + 0.3

    def cost(x: Tensor) -> Tensor:
        return torch.nn.functional.softplus(-margin(x))

    for eps in (0.01, 0.1, 0.3):
        fallen = margin(x) - margin(fgsm(cost, x, eps))
        torch.testing.assert_close(fallen, eps * w.abs().sum().expand_as(fallen), rtol=1e-12, atol=0)
        steps = margin(x) - margin(pgd(cost, x, eps, 40, 0.01))  # 40 · 0.01 reaches the ball's corner
        torch.testing.assert_close(steps, fallen, rtol=1e-12, atol=0)


def test_a_pixel_without_influence_stays() -> None:
    def cost(x: Tensor) -> Tensor:
        return x[..., :3].square().sum(-1)

    x = torch.full((1, 2, 5), 0.5, dtype=torch.float64)
    for attacked in (fgsm(cost, x, 0.1), pgd(cost, x, 0.1, 20, 0.01)):
        torch.testing.assert_close(attacked[..., :3], x[..., :3] + 0.1)
        assert torch.equal(attacked[..., 3:], x[..., 3:])
