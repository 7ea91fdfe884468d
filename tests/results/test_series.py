"""Series: statistics over seeds, growth, smoothing, and thinning that keeps every extreme."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.results.series import Series, in_order, log10, reduce, reduce_band

NAN = float("nan")


def series_of(values: list[list[float]]) -> Series:
    array = np.array(values, float).reshape(len(values), -1)
    steps = np.arange(1.0, len(values) + 1)
    series = Series("loss", "train", array.shape[1])
    series.append(steps, steps / 10, steps * 2, array)
    return series


def test_mean_band_and_axes_of_three_seeds() -> None:
    series = series_of([[1, 2, 6], [3, 3, 3]])
    assert series.mean.tolist() == [3, 3]
    assert [edge.tolist() for edge in series.band("min–max")] == [[1, 3], [6, 3]]
    low, high = series.band("±std")
    std = np.std([1, 2, 6], ddof=1)
    np.testing.assert_allclose([low[0], high[0]], [3 - std, 3 + std])
    axes = [series.steps.tolist(), series.epochs.tolist(), series.seconds.tolist()]
    assert axes == [[1, 2], [0.1, 0.2], [2, 4]]


def test_a_seed_that_is_not_finite_is_left_out_counted_and_marked_once() -> None:
    series = series_of([[1, 2], [1, NAN], [3, float("inf")], [NAN, NAN]])
    assert series.mean[:3].tolist() == [1.5, 1, 3]
    assert np.isnan(series.mean[3])
    # marked where the second seed is lost and where nothing is left, not at every point between
    assert series.broken().tolist() == [False, True, False, True]


def test_growing_in_parts_equals_growing_at_once() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1000, 3))
    values[rng.random((1000, 3)) < 0.1] = NAN
    whole = series_of(values.tolist())
    parts = Series("loss", "train", 3)
    for start in range(0, 1000, 37):
        here = slice(start, min(1000, start + 37))
        parts.append(whole.steps[here], whole.epochs[here], whole.seconds[here], values[here])
        parts.ema(0.9)
    for a, b in ((whole.mean, parts.mean), (whole.ema(0.9), parts.ema(0.9)), (whole.values, parts.values)):
        np.testing.assert_array_equal(a, b)


def test_a_view_taken_before_growth_stays_as_it_was() -> None:
    series = series_of([[1.0]])
    before = series.mean
    more = np.arange(2.0, 500)
    series.append(more, more, more, more[:, None])
    assert before.tolist() == [1.0]
    assert len(series) == 499


def test_wrong_shapes_are_refused_and_change_nothing() -> None:
    series = series_of([[1, 2]])
    with pytest.raises(ValueError, match="2 seeds"):
        series.append(np.ones(1), np.ones(1), np.ones(1), np.ones((1, 3)))
    assert len(series) == 1


def test_statistics_of_huge_values_do_not_overflow_the_mean() -> None:
    series = series_of([[1e308, 1.5e308]])
    assert np.isclose(series.mean[0], 1.25e308)
    assert np.isfinite(np.concatenate(series.band("min–max"))).all()


def test_moving_average_starts_unbiased_and_skips_what_is_missing() -> None:
    series = series_of([[2.0], [2.0], [NAN], [4.0]])
    out = series.ema(0.5)
    assert out[0] == out[1] == 2.0
    assert np.isnan(out[2])
    assert 2 < out[3] < 4


def test_thinning_keeps_every_extreme_in_two_points_a_column() -> None:
    rng = np.random.default_rng(1)
    x, y = np.arange(10_000.0), rng.normal(size=10_000)
    y[1234], y[8765] = 50, -50
    thin = reduce(x, y, 100)
    assert len(thin.x) <= 200
    assert thin.y.max() == 50 and thin.y.min() == -50
    assert (np.diff(thin.x) >= 0).all()
    for column in range(100):
        part = y[column * 100 : (column + 1) * 100]
        inside = (thin.x >= column * 100) & (thin.x < (column + 1) * 100)
        assert set(thin.y[inside]) == {part.min(), part.max()}


def test_thinning_leaves_few_points_alone_and_keeps_gaps() -> None:
    x, y = np.arange(5.0), np.array([1, NAN, 3, 4, 5.0])
    np.testing.assert_array_equal(reduce(x, y, 10).y, y)
    wide = np.where((np.arange(1000) >= 400) & (np.arange(1000) < 600), NAN, 1.0)
    assert np.isnan(reduce(np.arange(1000.0), wide, 50).y).sum() == 20  # 10 columns of 2


@pytest.mark.parametrize(
    ("x", "y"), [([], []), ([1.0], [2.0]), ([1, 2, 3], [1.0]), ([NAN, 1], [1, 2.0]), ([3, 1, 2], [1, 2, 3.0])]
)
def test_thinning_takes_odd_input(x: list[float], y: list[float]) -> None:
    thin = reduce(np.array(x), np.array(y), 10)
    assert len(thin.x) == len(thin.y) <= min(len(x), len(y))
    assert (np.diff(thin.x) >= 0).all()
    assert len(reduce(np.array(x), np.array(y), 0).x) == 0


def test_points_outside_the_span_are_left_out() -> None:
    x = np.arange(100.0)
    assert reduce(x, x, 200, (10, 20)).x.tolist() == list(range(10, 21))


def test_band_edges_by_column() -> None:
    x = np.arange(8.0)
    columns, low, high = reduce_band(x, -x, x, 2, (0, 7))
    assert columns.tolist() == [0, 1]
    assert (low.tolist(), high.tolist()) == ([-3, -7], [3, 7])
    assert len(reduce_band(x[:0], x[:0], x[:0], 2, (0, 7))[0]) == 0


def test_a_position_that_falls_back_is_sorted() -> None:
    x, y = in_order(np.array([2.0, 1.0, NAN, 1.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert (x.tolist(), y.tolist()) == ([1, 1, 2], [2, 4, 1])


def test_logarithm_of_zero_and_below_is_missing() -> None:
    np.testing.assert_array_equal(log10(np.array([100, 0, -1, NAN])), [2, NAN, NAN, NAN])
