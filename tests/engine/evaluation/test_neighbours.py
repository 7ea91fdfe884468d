"""k-NN accuracy on latents whose right answer is known."""

from __future__ import annotations

import pytest
import torch

from workbench.engine.evaluation import neighbours
from workbench.engine.evaluation.neighbours import knn_accuracy
from workbench.engine.streams import Streams


def clusters(count: int, spread: float, purpose: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return z [2, count, 2] around ten points on a circle, and their labels."""
    labels = torch.arange(count) % 10
    angle = labels.double() * (2 * torch.pi / 10)
    centres = torch.stack([angle.cos(), angle.sin()], -1)
    return centres + spread * Streams([0, 1], dtype=torch.float64).normal(purpose, count, 2), labels


def test_separate_clusters_are_read_perfectly() -> None:
    accuracy, error = knn_accuracy(*clusters(400, 0.02, "train"), *clusters(100, 0.02, "test"), 5)
    assert accuracy.tolist() == [1.0, 1.0]
    assert error.tolist() == [0.0, 0.0]


def test_noise_is_read_at_chance() -> None:
    labels = torch.arange(2000) % 10
    streams = Streams([0, 1], dtype=torch.float64)
    accuracy, error = knn_accuracy(
        streams.normal("a", 2000, 2), labels, streams.normal("b", 1000, 2), torch.arange(1000) % 10, 5
    )
    assert (accuracy - 0.1).abs().max() < 4 * 0.3 / 1000**0.5
    torch.testing.assert_close(error, (accuracy * (1 - accuracy) / 1000).sqrt())


def test_agrees_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.neighbors")
    train, labels = clusters(300, 0.5, "train")
    test, truth = clusters(200, 0.5, "test")
    accuracy, _ = knn_accuracy(train, labels, test, truth, 1)
    for member in range(2):
        spread = train[member].std(0, unbiased=False)
        model = sklearn.KNeighborsClassifier(1).fit((train[member] / spread).numpy(), labels.numpy())
        expected = model.score((test[member] / spread).numpy(), truth.numpy())
        assert accuracy[member].item() == pytest.approx(expected)


def test_the_scale_of_a_latent_does_not_matter() -> None:
    train, labels = clusters(300, 0.3, "train")
    test, truth = clusters(200, 0.3, "test")
    scale = torch.tensor([1000.0, 0.001], dtype=torch.float64)
    plain = knn_accuracy(train, labels, test, truth, 5)[0]
    assert torch.equal(knn_accuracy(train * scale + 7, labels, test * scale + 7, truth, 5)[0], plain)


def test_a_tied_vote_goes_to_the_nearer_class() -> None:
    train = torch.tensor([[[0.0], [1.0], [3.0], [4.0]]], dtype=torch.float64)
    labels = torch.tensor([1, 1, 0, 0])
    test = torch.tensor([[[1.5]]], dtype=torch.float64)
    accuracy, _ = knn_accuracy(train, labels, test, torch.tensor([1]), 4)
    assert accuracy.item() == 1.0


def test_a_dead_dimension_and_more_neighbours_than_examples_do_no_harm() -> None:
    train, labels = clusters(30, 0.02, "train")
    dead = torch.cat([train, torch.zeros(2, 30, 1, dtype=train.dtype)], -1)
    accuracy, _ = knn_accuracy(dead, labels, dead, labels, 1000)
    assert accuracy.isfinite().all()
    assert knn_accuracy(dead, labels, dead, labels, 1)[0].tolist() == [1.0, 1.0]


def test_a_diverged_member_gets_nan_and_the_other_its_value() -> None:
    train, labels = clusters(100, 0.02, "train")
    broken = train.clone()
    broken[1, 3, 0] = torch.inf
    accuracy, error = knn_accuracy(broken, labels, train, labels, 5)
    assert accuracy[0] == 1.0
    assert accuracy[1].isnan()
    assert error[1].isnan()


def test_blocks_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels = clusters(300, 0.5, "train")
    test, truth = clusters(200, 0.5, "test")
    whole = knn_accuracy(train, labels, test, truth, 5)[0]
    monkeypatch.setattr(neighbours, "BLOCK_ELEMENTS", 2 * 300 * 7)
    assert torch.equal(knn_accuracy(train, labels, test, truth, 5)[0], whole)
