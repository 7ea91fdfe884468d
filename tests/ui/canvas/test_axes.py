"""Ticks: round, inside the range, distinct, for any range."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ui.canvas.axes import short, ticks, widened


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1820, "1820"), (0.0123456, "0.0123"), (123456, "123456"), (1.25e9, "1.25e9"),
        (1e-300, "1e-300"), (-24.06, "-24.1"), (1.7e-5, "1.7e-5"), (math.nan, "×"), (math.inf, "×"),
    ],
)  # fmt: skip
def test_three_significant_digits(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [(90, ("0s", "50s")), (600, ("0min", "5min", "10min")), (36_000, ("0h", "5h", "10h"))],
)
def test_times_are_shown_in_the_unit_that_matters(seconds: float, labels: tuple[str, ...]) -> None:
    assert ticks(0, seconds, 2, time=True).labels == labels


def test_round_ticks() -> None:
    assert ticks(0, 1820, 4).labels == ("0", "500", "1000", "1500")
    assert ticks(-1.2, 1.3, 5).labels == ("-1", "-0.5", "0", "0.5", "1")
    assert ticks(0, 3, 3, log=True).labels == ("1", "10", "100", "1000")
    assert ticks(math.log10(20), math.log10(60), 4, log=True).labels == ("20", "30", "40", "50", "60")


def test_a_tiny_range_far_from_zero_is_labelled_by_differences() -> None:
    found = ticks(1e9, 1e9 + 0.01, 4)
    assert found.base == "1000000000"
    assert len(set(found.labels)) == len(found.labels) > 2


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite, st.integers(-1, 12), st.booleans(), st.booleans())
def test_any_range_has_few_distinct_ticks_inside(
    a: float, b: float, most: int, log: bool, time: bool
) -> None:
    if log:
        a, b = max(-300.0, min(300.0, a)), max(-300.0, min(300.0, b))
    low, high = widened(min(a, b), max(a, b))
    assert low < high
    found = ticks(low, high, most, log=log, time=time and not log)
    assert len(found.at) == len(found.labels) <= max(0, most + 1)
    room = 1e-6 * max(abs(low), abs(high), 1e-300)
    assert all(low - room <= at <= high + room for at in found.at)
    assert list(found.at) == sorted(found.at)


@pytest.mark.parametrize(
    ("low", "high"), [(math.nan, 1), (math.inf, -math.inf), (3, 3), (0, 0), (2, 1), (1e308, 1e308)]
)
def test_a_range_is_never_empty(low: float, high: float) -> None:
    least, most = widened(low, high)
    assert math.isfinite(least) and least < most
