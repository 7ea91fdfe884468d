"""Standard errors of distances between two samples against their spread over repetitions."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from workbench.engine.evaluation.distances import energy_parts, frechet, mmd_parts, sliced_w2
from workbench.engine.evaluation.jackknife import grouped_error, pair_error
from workbench.engine.streams import Streams

# how they differ, sets of samples, points per set, test examples
CASES = [(0.0, 1, 80, 80), (0.0, 4, 60, 150), (0.5, 1, 80, 80), (0.5, 4, 80, 80), (0.5, 4, 60, 150)]


def stated_over_true(name: str, shift: float, sets: int, count: int, size: int, repeats: int = 300) -> float:
    """Return the mean standard error over the spread of as many repetitions as there are members."""
    streams = Streams(range(repeats), dtype=torch.float64)
    test = streams.normal("test", size, 2)
    index = [streams.permutation("index", size)[:, :count] for _ in range(sets)]
    real = [test.gather(1, chosen.unsqueeze(2).expand(-1, -1, 2)) for chosen in index]
    samples = [streams.normal("samples", count, 2) + shift for _ in range(sets)]
    if name in ("energy", "mmd"):
        parts = energy_parts if name == "energy" else partial(mmd_parts, bandwidth=2.0)
        found = [parts(x, y) for x, y in zip(samples, real, strict=True)]
        values, error = [one.value for one in found], pair_error(found, index, size)
    else:
        distance = frechet if name == "frechet" else partial(sliced_w2, projections=16)
        values = [distance(x, y) for x, y in zip(samples, real, strict=True)]
        error = grouped_error(distance, samples, real, index)
    return (error.mean() / torch.stack(values).mean(0).std()).item()


@pytest.mark.check(
    "science 5", "The error of a distance of samples is within 20 % of its spread, equal or not."
)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["energy", "mmd"])
def test_the_error_of_a_sum_over_pairs_is_its_spread(name: str, case: tuple[float, int, int, int]) -> None:
    assert stated_over_true(name, *case) == pytest.approx(1, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["sliced-w2", "frechet"])
def test_the_error_of_other_distances_is_their_spread(name: str, case: tuple[float, int, int, int]) -> None:
    assert stated_over_true(name, *case) == pytest.approx(1, abs=0.2)
