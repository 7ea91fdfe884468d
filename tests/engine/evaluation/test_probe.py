"""Linear probes on features whose accuracy is known beforehand (models.md §9)."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from workbench.engine.data import load
from workbench.engine.evaluation.neighbours import binomial
from workbench.engine.evaluation.probe import logistic_probe, standardised
from workbench.engine.streams import Streams
from workbench.spec.schema import DataSettings


def streams() -> Streams:
    return Streams([0, 1], dtype=torch.float64)


def is_share(hits: torch.Tensor, truth: float) -> bool:
    """Whether the share of hits [S, M] is `truth`, to four binomial standard errors."""
    return bool(((hits.mean(1) - truth).abs() < 4 * binomial(hits)[1]).all())


def labels(count: int, classes: int = 10) -> torch.Tensor:
    return torch.arange(count) % classes


@pytest.mark.check("section 9", "One-hot labels give 100 % accuracy.")
def test_one_hot_labels_are_read_perfectly() -> None:
    y = labels(300)
    x = torch.nn.functional.one_hot(y).double().expand(2, -1, -1)
    found = logistic_probe(x, y, x, y)
    assert (found.hits == 1).all() and found.converged
    assert (found.losses.mean(1) < 0.2).all()


@pytest.mark.check("section 9", "Noise gives chance accuracy, 10 %.")
def test_noise_says_nothing() -> None:
    y = labels(2000)
    train, test = streams().normal("train", 2000, 5), streams().normal("test", 2000, 5)
    found = logistic_probe(train, y, test, y)
    assert is_share(found.hits, 0.1)
    assert ((found.losses.mean(1) - math.log(10)).abs() < 0.03).all()


def test_two_normals_are_separated_as_well_as_can_be() -> None:
    """Means ±1 at unit variance: the best line is right with probability Φ(1) = 0.841."""
    y = labels(8000, 2)
    x = streams().normal("x", 8000, 1) + (2.0 * y - 1).unsqueeze(1)
    found = logistic_probe(x[:, :4000], y[:4000], x[:, 4000:], y[4000:])
    assert is_share(found.hits, 0.8413)


@pytest.mark.check("section 9", "Raw pixels of the digits give about 95 %.")
def test_the_pixels_of_the_digits_are_read_as_well_as_they_are_known_to_be() -> None:
    """About 95 % on this split: digits are nearly linear in their pixels, and a probe must find that."""
    data = load(DataSettings(name="digits"), Path("absent"), False, dtype=torch.float64)
    train, test = (next(data.chunks(split, streams(), 2000)).x[:1] for split in ("train", "test"))
    train, test = standardised(train, test)
    found = logistic_probe(train, data.labels("train"), test, data.labels("test"))
    assert found.converged and 0.93 < found.hits.mean().item() < 0.99


def test_scale_does_not_matter_once_standardised() -> None:
    y = labels(400, 2)
    x = streams().normal("x", 400, 3) + y.unsqueeze(1)
    other = x * torch.tensor([1e3, 1.0, 1e-3]) + 7
    plain, scaled = (logistic_probe(*standardised(z, z)[:1], y, standardised(z, z)[1], y) for z in (x, other))
    torch.testing.assert_close(plain.losses, scaled.losses, rtol=1e-4, atol=1e-6)


def test_a_diverged_member_gets_nan_and_leaves_the_others() -> None:
    y = labels(100, 2)
    x = streams().normal("x", 100, 2) + 3 * y.unsqueeze(1)
    x[0, 3, 1] = torch.nan
    found = logistic_probe(x, y, x, y)
    assert found.hits.isnan().all(1).tolist() == [True, False]


def test_a_class_unseen_in_training_counts_as_an_error() -> None:
    y = torch.tensor([0, 0, 1, 1])
    x = torch.tensor([[[-1.0], [-1.1], [1.0], [1.1]]])
    found = logistic_probe(x, y, x, torch.tensor([0, 0, 1, 2]))
    assert found.hits.tolist() == [[1, 1, 1, 0]] and found.losses.mean() > math.log(1e12) / 4 - 1e-9
