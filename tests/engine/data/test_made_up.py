"""Data sets that need no file but scikit-learn's: moons, square, codes, digits."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from workbench.engine.data import DataSet, load
from workbench.engine.data import digits as digits_module
from workbench.engine.streams import Streams
from workbench.errors import DATA, WorkbenchError
from workbench.spec.schema import DataSettings


def made(name: str, **settings: Any) -> DataSet:
    return load(DataSettings.model_validate({"name": name, **settings}), Path("absent"), False)


def every(data: DataSet, split: str) -> torch.Tensor:
    return torch.cat([b.x for b in data.chunks(split, Streams([0]))], 1)[0]  # type: ignore[arg-type]


def test_moons_lie_on_two_half_circles() -> None:
    data = made("moons", noise=0.0, standardise=False, train_size=1000)
    x, y = every(data, "train"), data.labels("train")
    upper, lower = x[y == 0], x[y == 1]
    assert len(upper) == len(lower) == 500
    torch.testing.assert_close(upper.norm(dim=1), torch.ones(500))
    torch.testing.assert_close((lower - torch.tensor([1.0, 0.5])).norm(dim=1), torch.ones(500))
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0.5


def test_moons_are_standardised_and_held_out_points_are_new() -> None:
    data = made("moons")
    train, test = every(data, "train"), every(data, "test")
    torch.testing.assert_close(train.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(train.std(0), torch.ones(2), atol=1e-5, rtol=0)
    assert data.info.train_size == data.info.test_size == 2000
    assert torch.cdist(train, test).min() > 0


def test_the_data_seed_makes_the_data() -> None:
    assert torch.equal(every(made("moons"), "train"), every(made("moons"), "train"))
    assert not torch.equal(every(made("moons"), "train"), every(made("moons", seed=1), "train"))


def test_the_square_is_uniform_and_labelled_by_quadrant() -> None:
    data = made("square", standardise=False)
    x, y = every(data, "train"), data.labels("train")
    assert len(x) == 10_000
    assert x.var(0).mean().item() == pytest.approx(1 / 12, rel=0.02)
    assert torch.equal(y, (x[:, 0] > 0.5).long() + 2 * (x[:, 1] > 0.5).long())
    assert torch.bincount(y).min() > 2300


@pytest.mark.parametrize(("name", "codes"), [("onehot4", 4), ("onehot8", 8), ("bits8", 256)])
def test_every_code_is_equally_likely(name: str, codes: int) -> None:
    data = made(name)
    for split in ("train", "test"):
        found, counts = every(data, split).unique(dim=0, return_counts=True)
        assert len(found) == codes == data.info.classes
        assert counts.unique().numel() == 1
    assert data.info.kind == "binary"
    shares = torch.bincount(data.labels("train")) / data.info.train_size
    assert -(shares * shares.log()).sum().item() == pytest.approx(math.log(codes))  # the optimum


def test_a_subset_of_the_bit_vectors_is_fixed_by_the_data_seed() -> None:
    first, again, other = (every(made("bits8", codes=16, seed=s), "train").unique(dim=0) for s in (0, 0, 1))
    assert len(first) == 16
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_digits_are_split_once_and_lie_between_0_and_1() -> None:
    data = made("digits")
    assert (data.info.train_size, data.info.test_size) == (1437, 360)
    assert data.info.shape == (8, 8)
    train, test = every(data, "train"), every(data, "test")
    assert (train.min(), train.max()) == (0, 1)
    torch.testing.assert_close(train * 16, (train * 16).round())
    assert torch.bincount(data.labels("test"), minlength=10).min() >= 20
    assert torch.equal(test, every(made("digits", seed=5), "test"))


def test_digits_have_the_known_reference_scores() -> None:
    """Cross-entropy on the test set of the mean image, 27.20 nats, and of the pixels themselves, 13.63."""
    data = made("digits")
    train, test = every(data, "train").double(), every(data, "test").double()
    mean = train.mean(0).clamp(1e-6, 1 - 1e-6)
    cross = -(test * mean.log() + (1 - test) * (1 - mean).log()).sum(1).mean()
    floor = -(torch.xlogy(test, test) + torch.xlogy(1 - test, 1 - test)).sum(1).mean()
    assert cross.item() == pytest.approx(27.2, abs=0.25)
    assert floor.item() == pytest.approx(13.63, abs=0.15)


def test_digits_can_also_be_asked_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from_file = digits_module.table()
    monkeypatch.setattr(digits_module.Path, "exists", lambda self: False)
    assert (digits_module.table.__wrapped__() == from_file).all()


@pytest.mark.parametrize("split", ["train", "test"])
def test_asking_for_more_examples_than_there_are_is_refused(split: str) -> None:
    with pytest.raises(WorkbenchError, match="asks for 5000") as caught:
        made("digits", **{f"{split}_size": 5000})
    assert f"data.{split}_size" in caught.value.hint
    assert caught.value.exit_code == DATA


def test_a_smaller_training_set_is_a_fixed_random_subset() -> None:
    small = made("digits", train_size=100)
    assert torch.equal(every(small, "train"), every(made("digits", train_size=100), "train"))
    whole = every(made("digits"), "train")
    assert all((row == whole).all(1).any() for row in every(small, "train"))
    assert not torch.equal(every(small, "train"), whole[:100])


def test_a_binarised_code_stays_what_it_is() -> None:
    assert torch.equal(every(made("onehot4", binarise="dynamic"), "train"), every(made("onehot4"), "train"))
