"""Means over seeds, checked against scipy where it knows the answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from workbench.results.statistics import best_index, confidence_interval, summarise, t_tail, welch


def test_mean_and_sample_standard_deviation() -> None:
    found = summarise([24.05, 24.25, 24.1])
    assert found.mean == pytest.approx(24.1333333)
    assert found.std == pytest.approx(np.std([24.05, 24.25, 24.1], ddof=1))
    assert (found.n, found.missing) == (3, 0)


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, -math.inf])
def test_a_diverged_seed_is_counted_and_left_out_of_the_mean(bad: float | None) -> None:
    found = summarise([1.0, bad, 3.0])
    assert (found.mean, found.n, found.missing) == (2.0, 2, 1)


def test_one_seed_and_equal_ones_have_no_spread_and_none_has_no_mean() -> None:
    assert summarise([0.5]).std is None
    assert summarise([]) == summarise(())
    assert (summarise([None]).mean, summarise([None]).missing) == (None, 1)
    assert summarise([0.1, 0.1, 0.1]).std == 0.0  # exactly


def test_huge_and_tiny_values_neither_overflow_nor_vanish() -> None:
    assert summarise([1e308, -1e308]).std == pytest.approx(math.sqrt(2) * 1e308)
    assert summarise([1.5e308, 1.6e308]).mean == pytest.approx(1.55e308)
    assert summarise([1e-200, 3e-200]).std == pytest.approx(math.sqrt(2) * 1e-200)


@pytest.mark.parametrize("count", [2, 3, 5, 30])
def test_welch_agrees_with_scipy(count: int) -> None:
    rng = np.random.default_rng(count)
    for shift in (0.0, 0.5, 4.0):
        a, b = rng.normal(size=count), rng.normal(shift, 3.0, size=count + 1)
        expected = stats.ttest_ind(a, b, equal_var=False).pvalue
        assert welch(a, b) == pytest.approx(expected, rel=1e-9)


def test_welch_needs_two_values_a_side_but_no_spread() -> None:
    assert welch([1.0], [1.0, 2.0]) is welch([1.0, None], [1.0, 2.0]) is None
    assert welch([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert welch([1.0, 1.0], [2.0, 2.0]) == 0.0


def test_the_interval_agrees_with_scipy() -> None:
    values = [24.05, 24.25, 24.1]
    expected = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert confidence_interval(values) == pytest.approx(expected, rel=1e-9)
    assert confidence_interval([1.0]) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        confidence_interval(values, level=95)


@pytest.mark.parametrize("freedom", [1.0, 2.0, 2.7, 50.0, 1e4])
@pytest.mark.parametrize("t", [0.0, 1e-6, 0.3, 2.0, 60.0, math.inf])
def test_the_tail_of_students_distribution(t: float, freedom: float) -> None:
    assert t_tail(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-9, abs=1e-300)


def test_best_follows_the_direction() -> None:
    assert best_index([3.0, 1.0, 2.0], "lower") == 1
    assert best_index([3.0, 1.0, 2.0], "higher") == 0
    assert best_index([None, 1.0, 2.0, math.nan], "lower") == 1


@pytest.mark.parametrize(
    ("means", "better"),
    [([1.0, 2.0], ""), ([1.0, 1.0, 2.0], "lower"), ([1.0, None], "lower"), ([], "lower")],
    ids=["no direction", "tie", "nothing to compare with", "empty"],
)
def test_where_nothing_is_best(means: list[float | None], better: str) -> None:
    assert best_index(means, better) is None
