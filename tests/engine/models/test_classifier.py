"""The classifier: its cost at known weights, its dropout, its nets, its result, and training on decodes."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from tests.engine.no_sync import NoSync
from tests.engine.small import finished, load_data, make_trainer, small_spec
from workbench.engine import session
from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.models.classifier import Classifier, dropped, nll, reconstructions
from workbench.engine.recorder import Recorder
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.errors import WorkbenchError
from workbench.spec.metrics import EPSILONS, METRICS
from workbench.spec.models.classifier import ClassifierSettings
from workbench.spec.schema import TrainingSettings
from workbench.store.finished import find_finished
from workbench.store.paths import StorePaths
from workbench.store.runs import create_run

SEEDS = (1, 2, 3)
MNIST = DataInfo("mnist", (28, 28), "grey", 60_000, 10_000, 10)


def classifier(net: str = "mlp", seeds: tuple[int, ...] = SEEDS, data: DataInfo = MNIST) -> Classifier:
    settings = ClassifierSettings.model_validate({"net": net})
    streams = Streams(seeds, dtype=torch.float64)
    return Classifier(settings, TrainingSettings(epochs=1), data, streams)


def batch(count: int = 12, members: int = 3) -> Batch:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(members, count, 784, dtype=torch.float64, generator=generator)
    y = torch.randint(10, (members, count), generator=generator)
    return Batch(x, y, torch.zeros_like(y))


@pytest.mark.check("section 1", "W₂ = 0, b₂ = 0 costs ln 10.")
@pytest.mark.parametrize("net", ["mlp", "cnn"])
def test_without_a_last_layer_every_label_costs_ln_10(net: str) -> None:
    model = classifier(net)
    with torch.no_grad():
        model.net.last.weight.zero_()
        model.net.last.bias.zero_()
    values = model.evaluate_batch(batch(), Streams(SEEDS))
    torch.testing.assert_close(values["nll"], torch.full((3, 12), math.log(10), dtype=torch.float64))
    loss = model.training_step(batch(), Streams(SEEDS, dtype=torch.float64))["loss"]  # dropout or not
    torch.testing.assert_close(loss, torch.full((3,), math.log(10), dtype=torch.float64))


def test_the_preset_net_has_795_weights_per_hidden_unit_and_10() -> None:
    assert sum(p[0].numel() for p in classifier("mlp").parameters()) == 795 * 256 + 10


def test_the_small_cnn_is_that_of_torch() -> None:
    """The same function as torch.nn's layers give for one member, with the weights copied over."""
    model = classifier("cnn")
    first, second = torch.nn.Conv2d(1, 10, 5).double(), torch.nn.Conv2d(10, 20, 5).double()
    hidden, last = torch.nn.Linear(320, 50).double(), torch.nn.Linear(50, 10).double()
    ours = [parameter.detach()[1] for parameter in model.net.parameters()]
    for layer, weight, bias in zip((first, second, hidden, last), ours[::2], ours[1::2], strict=True):
        weight = weight if weight.dim() == 4 else weight.T
        assert weight.shape == layer.weight.shape
        layer.load_state_dict({"weight": weight, "bias": bias.flatten()})
    x, pool = batch().x, torch.nn.MaxPool2d(2)
    h = pool(first(x[1].view(-1, 1, 28, 28))).relu()
    h = pool(second(h)).relu().flatten(1)
    torch.testing.assert_close(model.net(x)[1], last(hidden(h).relu()))


def test_colour_pictures_keep_their_channels_apart() -> None:
    data = DataInfo("svhn", (32, 32, 3), "grey", 10, 10, 10)
    model = classifier("cnn", data=data)
    x = torch.rand(3, 2, 32, 32, 3, dtype=torch.float64)
    before = model.net.first(x.movedim(-1, 2))
    with torch.no_grad():
        model.net.first.weight[:, :, 1:] = 0  # only red counts
    after = model.net(x.flatten(2))
    x[..., 1:] = 0
    torch.testing.assert_close(after, model.net(x.flatten(2)))
    assert before.shape == (3, 2, 10, 28, 28)


@pytest.mark.check("section 1", "Evaluation without dropout gives the same logits twice.")
@pytest.mark.parametrize("net", ["mlp", "cnn"])
def test_judging_leaves_no_unit_out(net: str) -> None:
    model, streams = classifier(net), Streams(SEEDS, dtype=torch.float64)
    values = [model.evaluate_batch(batch(), streams)["nll"] for _ in range(2)]
    assert torch.equal(*values)
    assert "dropout" not in streams.state_dict()
    logits = [model.net(batch().x, streams) for _ in range(2)]
    assert not torch.equal(*logits)  # training does


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    streams = Streams(SEEDS, dtype=torch.float64)
    h = torch.ones(3, 400, 500, dtype=torch.float64)
    for share in (0.2, 0.5):
        left = dropped(h, share, streams)
        assert set(left.unique().tolist()) == {0.0, 1 / (1 - share)}
        error = math.sqrt(share * (1 - share) / h[0].numel())
        assert ((left == 0).double().mean((1, 2)) - share).abs().max() < 4.5 * error
    assert torch.equal(dropped(h, 0.0, streams), h)


def test_dropped_channels_go_whole() -> None:
    h = torch.ones(3, 40, 8, 4, 4, dtype=torch.float64)
    means = dropped(h, 0.5, Streams(SEEDS, dtype=torch.float64), whole=2).mean((-1, -2))
    assert set(means.unique().tolist()) == {0.0, 2.0}


@pytest.mark.check("section 1", "The dropout setting takes effect.")
def test_the_dropout_setting_is_obeyed() -> None:
    """A seed's program accepted a dropout ratio and used 0.5 whatever it was."""
    for share in (0.0, 0.3, 0.9):
        streams = Streams([0], dtype=torch.float64)
        settings = ClassifierSettings(dropout=share, hidden=[2000])
        model = Classifier(settings, TrainingSettings(epochs=1), MNIST, streams)
        with torch.no_grad():  # logit 0 = how many of the 2000 units are on, times 1 / (1 − share)
            model.net.layers[0].weight.zero_()
            model.net.layers[0].bias.fill_(1.0)
            model.net.last.weight.fill_(1.0)
            model.net.last.bias.zero_()
        on = model.net(batch(members=1).x, streams)[..., 0] * (1 - share)
        assert (on.mean() / 2000 - (1 - share)).abs() < 4.5 * math.sqrt(share * (1 - share) / 24_000) + 1e-9


@pytest.mark.check("whole 8", "A step of the CNN never waits for the device.")
def test_members_of_a_stack_of_cnns_never_wait_and_train_as_if_alone() -> None:
    together, streams = classifier("cnn"), Streams(SEEDS, dtype=torch.float64)
    given = batch()
    together.training_step(given, streams)  # the first step may set things up
    with NoSync():
        for _ in range(4):
            together.training_step(given, streams)
    for member, seed in enumerate(SEEDS):
        alone, own = classifier("cnn", (seed,)), Streams([seed], dtype=torch.float64)
        part = Batch(*(value[member : member + 1] for value in (given.x, given.y, given.index)))
        for _ in range(5):
            alone.training_step(part, own)
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(together.state_dict()[name][member], value[0], rtol=1e-9, atol=1e-12)


@pytest.mark.check("section 10", "Accuracy falls with ε and has binomial errors.")
def test_the_result_holds_every_attack_with_binomial_errors(tmp_path: Path) -> None:
    changes = {"hidden": [64], "attack_images": 300, "pgd_steps": 40}
    spec = small_spec("classifier", [4, 5], 300, model=changes)
    trainer = make_trainer(spec, tmp_path)
    outcome = trainer.run()
    found = session.evaluate(trainer.model, trainer.data, spec, outcome)
    assert set(found) <= set(METRICS)
    assert not {"knn_accuracy", "test_mse", "energy_distance", "test_iwae", "test_nelbo"} & set(found)
    for attack in ("fgsm", "pgd"):
        names = [f"{attack}_accuracy_eps{round(100 * eps):03d}" for eps in EPSILONS]
        curve = [found["clean_accuracy"], *(found[name] for name in names)]
        for left, right in pairwise(curve):
            assert all(a >= b for a, b in zip(left["values"], right["values"], strict=True))
        assert curve[-1]["values"][0] < curve[0]["values"][0] - 0.3
    accuracy = found["test_accuracy"]
    for value, error in zip(accuracy["values"], accuracy["se"], strict=True):
        assert value > 0.6
        assert error == pytest.approx(math.sqrt(value * (1 - value) / (accuracy["n"] - 1)), rel=1e-9)
    assert found["clean_accuracy"]["n"] == 300
    assert not list(trainer.recorder.paths.root.glob("samples/*"))
    assert not list(trainer.recorder.paths.root.glob("latents/*"))


def test_data_that_do_not_fit_are_refused_with_the_way_out() -> None:
    with pytest.raises(WorkbenchError, match="needs labels"):
        classifier(data=DataInfo("square", (2,), "points", 10, 10, 0))
    with pytest.raises(WorkbenchError, match="16×16 or more"):
        classifier("cnn", data=DataInfo("digits", (8, 8), "grey", 10, 10, 10))


# ---- training on the reconstructions of another run


def augmented(store: StorePaths, source: str, *seeds: int) -> Trainer:
    spec = small_spec("classifier", list(seeds), 10, model={"augment_from": source, "augment_draws": 2})
    return session.prepare(spec, load_data(spec), Recorder(store.run(create_run(store, spec))))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[StorePaths, str]:
    found = StorePaths(tmp_path_factory.mktemp("store"))
    return found, finished(found, small_spec("vae", [7, 8], 20), "vae-digits")


@pytest.mark.check("section 10", "The loss is the mean over originals and decodes.")
def test_the_loss_is_the_mean_over_originals_and_decodes(store: tuple[StorePaths, str]) -> None:
    trainer = augmented(*store, 7, 9)
    model, (generator,) = trainer.model, trainer.model._generator
    given = next(trainer.data.chunks("train", trainer.streams, 20))
    made = reconstructions(generator, given.x, 2, Streams([7, 9], dtype=torch.float64))
    assert made.shape == (2, 40, 64)
    every = torch.cat([given.x, made], 1)
    logits = model.net(every, Streams([7, 9], dtype=torch.float64))
    expected = nll(logits, given.y.repeat(1, 3)).mean(1)
    loss = model.training_step(given, Streams([7, 9], dtype=torch.float64))["loss"]
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


@pytest.mark.check("section 10", "Each decode has the label of its image.")
def test_decodes_are_of_the_image_whose_label_they_bear(store: tuple[StorePaths, str]) -> None:
    trainer = augmented(*store, 7)
    generator = trainer.model._generator[0]
    x = next(trainer.data.chunks("train", trainer.streams, 9)).x
    mean, std = generator.proposal(x, trainer.streams)
    noise = Streams([7], dtype=torch.float64).normal("augment", 18, 3)
    made = reconstructions(generator, x, 2, Streams([7], dtype=torch.float64))
    for row in (0, 8, 9, 17):
        z = mean[:, row % 9] + std[:, row % 9] * noise[:, row]
        torch.testing.assert_close(made[:, row], generator.decode(z[:, None])[:, 0])


def test_the_generator_is_the_runs_last_state_and_stays_so(store: tuple[StorePaths, str]) -> None:
    trainer = augmented(*store, 9, 8)  # seed 9 was not trained: 9 % 2 = the second; 8 was
    generator = trainer.model._generator[0]
    vae = session.prepare(small_spec("vae", [7, 8], 20), trainer.data, Recorder(store[0].run(store[1])))
    saved = vae.model.state_dict()
    trainer.run()
    for name, value in generator.state_dict().items():
        assert torch.equal(value[0], saved[name][1])
        assert torch.equal(value[1], saved[name][1])
    assert all(not parameter.requires_grad for parameter in generator.parameters())
    assert not any("decoder" in name for name in trainer.model.state_dict())


def test_a_resumed_augmented_run_equals_an_uninterrupted_one(store: tuple[StorePaths, str]) -> None:
    straight = augmented(*store, 7, 9)
    straight.run()
    broken = augmented(*store, 7, 9)
    broken.stop = lambda: broken.step == 4
    assert broken.run().how == "stopped"
    again = session.prepare(broken.spec, broken.data, Recorder(broken.recorder.paths))
    assert again.step == 4
    again.run()
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])


def test_a_preset_means_its_newest_run_at_submission(tmp_path: Path) -> None:
    root = StorePaths(tmp_path)
    finished(root, small_spec("vae", [7], 1), "gen")
    newest = finished(root, small_spec("vae", [7], 2), "gen")
    own = root.run(create_run(root, small_spec("classifier", [7])))
    key = "model.augment_from"
    assert find_finished("gen", root, key, own).id == newest
    later = finished(root, small_spec("vae", [7], 3), "gen")
    assert find_finished("gen", root, key, own).id == newest  # a resume meets the same generator
    assert find_finished("gen", root, key).id == later  # now
    assert find_finished(later, root, key, own).id == later


@pytest.mark.parametrize("source", ["vae-mnist", "20200101-000000-vae-abcd", "../../etc", "\x1b[2J"])
def test_a_missing_run_is_an_error(store: tuple[StorePaths, str], source: str) -> None:
    with pytest.raises(WorkbenchError, match="no finished run"):
        augmented(store[0], source, 7)


@pytest.mark.parametrize(
    ("family", "reason"), [("avb", "was trained on onehot4"), ("classifier", "no reconstructions")]
)
def test_a_run_that_cannot_be_used_is_refused(family: str, reason: str, tmp_path: Path) -> None:
    other = finished(StorePaths(tmp_path), small_spec(family, [7], 1), family)
    with pytest.raises(WorkbenchError, match=reason):
        augmented(StorePaths(tmp_path), other, 7)
