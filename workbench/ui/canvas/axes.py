"""Ticks: round numbers inside a range, with as many digits as distinguish them."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Ticks:
    """Positions in plotted units (decades on a log axis), labels, and `base`, which the labels leave out."""

    at: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    base: str = ""


def short(value: float, digits: int = 3) -> str:
    """Return a number with `digits` significant digits in as few signs as that takes: 0.0123, 1.25e9."""
    if not math.isfinite(value):
        return "×"
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        number = int(exponent)
        if 0 <= number < 6:
            return f"{value:.0f}"
        if -4 <= number < 0:
            return f"{value:.{digits - 1 - number}f}".rstrip("0")
        return f"{mantissa}e{number}"
    return text


def widened(low: float, high: float) -> tuple[float, float]:
    """Return a range that is not empty: a constant gets room above and below, an absent one is 0…1."""
    if not (math.isfinite(low) and math.isfinite(high)) or low > high:
        return 0.0, 1.0
    if high - low <= 1e-12 * max(abs(low), abs(high)) or high - low < 1e-300:
        room = max(abs(high) * 0.05, 1e-9) if high else 1.0
        return low - room, high + room
    return low, high


def ticks(low: float, high: float, most: int, *, log: bool = False, time: bool = False) -> Ticks:
    """Return about `most` ticks, one more at most, within [low, high] (in decades if `log`)."""
    low, high = widened(low, high)
    if most < 1:
        return Ticks()
    if time:
        unit, name = (1.0, "s") if abs(high) < 120 else (60.0, "min") if abs(high) < 7200 else (3600.0, "h")
        found = ticks(low / unit, high / unit, most)
        return Ticks(
            tuple(at * unit for at in found.at), tuple(label + name for label in found.labels), found.base
        )
    if log and high - low >= 2.5:
        first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
        stride = max(1, math.ceil((last - first + 1) / (most + 1)))
        decades = range(first, last + 1, stride)
        powers = [short(10.0**decade) if -4 <= decade <= 5 else f"1e{decade}" for decade in decades]
        return Ticks(tuple(map(float, decades)), tuple(powers))
    if log and high - low >= 0.7:
        return _few_decades(low, high, most)
    if log:  # less than a decade: round values between, at their logarithms
        inner = ticks(10**low, 10**high, most)
        values = [value for value in inner.at if value > 0 and low <= math.log10(value) <= high]
        return Ticks(tuple(math.log10(value) for value in values), tuple(short(value) for value in values))
    if high / 2 - low / 2 > 1e307:  # a difference would overflow
        return Ticks((low, high), (short(low), short(high)))
    at = _round_values(low, high, most)
    labels = tuple(short(value) for value in at)
    if len(set(labels)) < len(labels):  # 1e9 + 0.001 and the like: show the differences
        base = at[0]
        labels = ("0", *(f"+{short(value - base)}" for value in at[1:]))
        return Ticks(at, labels, f"{base:.10g}")
    return Ticks(at, labels)


def _few_decades(low: float, high: float, most: int) -> Ticks:
    """Return 1, 2, 5 of each decade, or 1, 3, or 1 alone: as many as fit."""
    logs: list[float] = []
    for factors in ((1, 2, 5), (1, 3), (1,)):
        decades = range(math.floor(low), math.ceil(high) + 1)
        logs = [decade + math.log10(factor) for decade in decades for factor in factors]
        logs = [value for value in logs if low - 1e-9 <= value <= high + 1e-9]
        if len(logs) <= most + 1:
            break
    logs = logs[: most + 1]
    return Ticks(tuple(logs), tuple(short(10.0**value) for value in logs))


def _round_values(low: float, high: float, most: int) -> tuple[float, ...]:
    """Return the multiples of the least step (1, 2, 5 × 10^k) that gives at most `most` + 1 of them."""
    power = math.floor(math.log10((high - low) / most)) - 1
    for exponent in range(power, power + 4):
        for factor in (1.0, 2.0, 5.0):
            step = factor * 10.0**exponent
            if step == 0 or not math.isfinite(low / step) or not math.isfinite(high / step):
                continue
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            if last - first <= most:
                values = (number * step for number in range(first, last + 1))
                return tuple(0.0 if abs(value) < step * 1e-6 else value for value in values)
    return (low,)
