"""Numbers over seeds: mean, sample standard deviation, confidence interval, and Welch's t-test."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """What is known of one quantity over seeds.

    `mean` and `std` are in the quantity's own unit. `std` is the sample standard deviation (divisor n − 1)
    and None below two values. `n` counts the finite values, `missing` those that were None, NaN or infinite.
    """

    mean: float | None
    std: float | None
    n: int
    missing: int


def finite(values: Iterable[float | None]) -> list[float]:
    """Return the finite numbers among `values`, in order."""
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def summarise(values: Iterable[float | None]) -> Summary:
    """Summarise one value per seed; values that are not finite are counted as missing, never averaged."""
    given = list(values)
    known = finite(given)
    mean = _mean(known) if known else None
    std = _std(known) if len(known) > 1 else None
    if std is not None and not math.isfinite(std):  # beyond the largest float
        std = None
    return Summary(mean, std, len(known), len(given) - len(known))


def confidence_interval(values: Iterable[float | None], level: float = 0.95) -> tuple[float, float] | None:
    """Return Student's t interval of the mean over seeds, or None below two finite values.

    Source: Student (1908), "The probable error of a mean". Assumes independent seeds with roughly normal
    values.

    Raises:
        ValueError: for a `level` outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    known = finite(values)
    if len(known) < 2:
        return None
    centre = _mean(known)
    half = t_quantile(level, len(known) - 1) * _std(known) / math.sqrt(len(known))
    low, high = centre - half, centre + half
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def welch(first: Iterable[float | None], second: Iterable[float | None]) -> float | None:
    """Return the two-sided p-value of Welch's unequal-variances t-test, or None below two values a side.

    Source: Welch (1947), "The generalization of 'Student's' problem when several different population
    variances are involved"; degrees of freedom by Satterthwaite (1946), "An approximate distribution of
    estimates of variance components". Two samples without any spread give 1 if they are equal, else 0.
    """
    a, b = finite(first), finite(second)
    if len(a) < 2 or len(b) < 2:
        return None
    ea, eb = _std(a) / math.sqrt(len(a)), _std(b) / math.sqrt(len(b))
    gap, error = abs(_mean(a) - _mean(b)), math.hypot(ea, eb)
    if not math.isfinite(error) or not math.isfinite(gap):
        return None
    if error == 0:
        return 1.0 if gap == 0 else 0.0
    shares = ((ea / error) ** 2, (eb / error) ** 2)
    freedom = 1 / (shares[0] ** 2 / (len(a) - 1) + shares[1] ** 2 / (len(b) - 1))
    return t_tail(gap / error, freedom)


def paired_t(differences: Iterable[float | None]) -> float | None:
    """Return the two-sided p-value of Student's t-test that the mean of paired differences is 0.

    None below two finite differences. Source: Student (1908). Differences without any spread give 1 if they
    are 0, else 0.
    """
    known = finite(differences)
    if len(known) < 2:
        return None
    mean, error = _mean(known), _std(known) / math.sqrt(len(known))
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return t_tail(abs(mean) / error, len(known) - 1) if math.isfinite(error) else None


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected for their number, so that any false rejection has at most the level's odds.

    None stays None and is not counted. Source: Holm (1979), "A simple sequentially rejective multiple test
    procedure".
    """
    ranked = sorted((value, place) for place, value in enumerate(values) if value is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (value, place) in enumerate(ranked):
        largest = max(largest, min(1.0, value * (len(ranked) - rank)))
        corrected[place] = largest
    return corrected


def best_index(means: Sequence[float | None], better: str) -> int | None:
    """Return the place of the best mean, or None where there is none to name.

    There is none without a direction (`better` not "lower" or "higher"), with fewer than two finite means,
    and when two means tie exactly for the best.
    """
    places = [k for k, mean in enumerate(means) if mean is not None and math.isfinite(mean)]
    if better not in {"lower", "higher"} or len(places) < 2:
        return None
    sign = 1.0 if better == "lower" else -1.0
    ranked = sorted(places, key=lambda k: sign * (means[k] or 0.0))
    return None if means[ranked[0]] == means[ranked[1]] else ranked[0]


def t_tail(t: float, freedom: float) -> float:
    """Return the probability that |T| exceeds |t| under Student's distribution with ν = `freedom` degrees.

    Source: I_x(ν/2, 1/2) with x = ν/(ν + t²), Abramowitz and Stegun (1964), equation 26.7.1.
    """
    if math.isinf(t):
        return 0.0
    whole = freedom + t * t
    return _incomplete_beta(freedom / whole, t * t / whole, freedom / 2, 0.5)


def t_quantile(level: float, freedom: float) -> float:
    """Return the t for which |T| ≤ t has probability `level`, by bisection."""
    low, high = 0.0, 1.0
    while t_tail(high, freedom) > 1 - level:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if t_tail(middle, freedom) > 1 - level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _mean(known: Sequence[float]) -> float:
    if min(known) == max(known):
        return known[0]  # exactly, so that equal seeds have no spread made of rounding
    try:
        return math.fsum(known) / len(known)
    except OverflowError:
        return math.fsum(value / len(known) for value in known)


def _std(known: Sequence[float]) -> float:
    """Sample standard deviation of two values or more; hypot neither overflows nor underflows in between."""
    centre = _mean(known)
    return math.hypot(*(value - centre for value in known)) / math.sqrt(len(known) - 1)


def _incomplete_beta(x: float, y: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22).

    `y` is 1 − x, given apart because the difference loses its digits where x is near 1.
    """
    if x <= 0:
        return 0.0
    if y <= 0:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side only
        return 1.0 - _incomplete_beta(y, x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(y)
    # Modified Lentz: numerator and denominator ratios, kept away from zero.
    tiny = 1e-300
    ratio_c, ratio_d = 1.0, 1.0 - (a + b) * x / (a + 1)
    ratio_d = 1.0 / (ratio_d if abs(ratio_d) > tiny else tiny)
    fraction = ratio_d
    for m in range(1, 500):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            ratio_d = 1.0 + term * ratio_d
            ratio_c = 1.0 + term / ratio_c
            ratio_d = 1.0 / (ratio_d if abs(ratio_d) > tiny else tiny)
            ratio_c = ratio_c if abs(ratio_c) > tiny else tiny
            fraction *= ratio_c * ratio_d
        if abs(ratio_c * ratio_d - 1) < 1e-15:
            break
    return math.exp(log_front) * fraction / a
