"""Precision, recall and KID where their values are known, and on the features of a classifier."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.engine.small import load_data, small_spec
from workbench.engine.evaluation.features import block_mmd, covered_shares, kid, precision_recall
from workbench.engine.evaluation.task import Task
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.errors import WorkbenchError
from workbench.spec.estimates import estimate_settings


def normal(purpose: str, *shape: int) -> torch.Tensor:
    return Streams([0], dtype=torch.float64).normal(purpose, *shape)[0]


@pytest.mark.check("section 15", "Precision and recall: identical sets 1 and 1, disjoint ones 0 and 0.")
def test_precision_and_recall_of_identical_and_of_disjoint_sets() -> None:
    x = normal("x", 200, 5)
    assert covered_shares(x, x.clone(), 3).tolist() == [1.0, 1.0]
    assert covered_shares(x, x + 100, 3).tolist() == [0.0, 0.0]


@pytest.mark.check("section 15", "A model with one of two modes: precision 1, recall exactly one half.")
def test_a_lost_mode_costs_recall_alone_and_invention_precision_alone() -> None:
    mode = normal("mode", 100, 2)
    data = torch.cat([mode, mode + 100])
    assert covered_shares(mode, data, 3).tolist() == [1.0, 0.5]
    assert covered_shares(data, mode, 3).tolist() == [0.5, 1.0]


def test_balls_reach_the_kth_neighbour_of_another_point() -> None:
    data = torch.tensor([[0.0], [1.0], [3.0]])
    x = torch.tensor([[-1.5], [4.5], [5.5]])
    assert covered_shares(x, data, 1)[0] == pytest.approx(1 / 3)  # radii 1, 1, 2: 4.5 alone is inside
    assert covered_shares(x, data, 2)[0] == 1.0  # radii 3, 2, 3


@pytest.mark.check("section 15", "KID: N(m, 1) against N(0, 1) in one dimension is 12m² + 9m⁴ + m⁶.")
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_kid_is_unbiased_and_its_error_is_that_of_its_blocks(shift: float) -> None:
    """E (ab + 1)³ = 1 + 3 μμ' + 3 E a² E b² + E a³ E b³, and E a³ = m³ + 3m."""
    second, third = 1 + shift**2, shift**3 + 3 * shift
    truth = 3 * shift**2 + 3 * (second - 1) ** 2 + third**2
    streams = Streams(range(40), dtype=torch.float64)
    x, y = streams.normal("x", 400, 1) + shift, streams.normal("y", 400, 1)
    found = block_mmd(x, y, 10)
    each, stated = found.mean(1), found.std(1) / 10**0.5
    error = each.std() / len(each) ** 0.5
    assert abs(each.mean() - truth) < 4 * error
    assert stated.square().mean().sqrt() == pytest.approx(
        each.std().item(), rel=0.35
    )  # 40 repetitions: ± 11 %


def task(metric: str, family: str = "vae", **values: Any) -> Task:
    spec = small_spec(family, [0, 1])
    data = load_data(spec)
    streams = Streams(spec.seeds, dtype=data.dtype)
    model = build_model(spec, data.info, streams)
    settings = estimate_settings(metric, {"samples": 100, "updates": 150, **values})
    return Task(model, data, settings, streams.fork("t"), lambda share: None)


def test_an_untrained_model_is_far_from_data_in_the_features_of_the_classifier() -> None:
    found = kid(task("kid"))
    kids, real = (found.metrics[name] for name in ("kid", "kid_null"))
    assert all(value > 4 * error for value, error in zip(kids["values"], kids["se"], strict=True))
    assert abs(real["values"][0]) < 4 * real["se"][0] and kids["n"] == 10
    assert float(found.notes[0].split("accuracy ")[1].split("%")[0]) > 60
    shares = precision_recall(task("precision-recall", draws=2)).metrics
    assert shares["precision_null"]["values"][0] > 0.5 and shares["recall_null"]["values"][0] > 0.5
    assert max(shares["precision"]["values"] + shares["recall"]["values"]) < 0.5


def test_too_many_blocks_and_data_without_labels_are_refused() -> None:
    with pytest.raises(WorkbenchError, match="200 blocks need 400"):
        kid(task("kid", blocks=200))
    unlabelled = task("precision-recall")
    object.__setattr__(unlabelled.data.info, "classes", 0)
    with pytest.raises(WorkbenchError, match="has no labels"):
        precision_recall(unlabelled)
