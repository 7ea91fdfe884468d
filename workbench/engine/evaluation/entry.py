"""One metric of a result: a value and a standard error per seed, in the form of docs/store.md."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def entry(values: Tensor, errors: Tensor | None, count: int) -> dict[str, Any]:
    """Return one metric in the form of the store: `values` and `se` per seed, None if not finite."""
    return {
        "values": _finite(values),
        "se": None if errors is None else _finite(errors),
        "n": count,
    }


def mean_entry(values: Tensor) -> dict[str, Any]:
    """Return the mean of values [S, n] over n examples; its standard error where there are several."""
    count = values.shape[1]
    return entry(values.mean(1), values.std(1) / count**0.5 if count > 1 else None, count)


class ExampleEntry(dict[str, Any]):
    """An entry that is the mean of `each` [S, n], the values of the first n test examples."""

    each: Tensor


def example_entry(values: Tensor, mean: dict[str, Any] | None = None) -> ExampleEntry:
    """Return the mean of values [S, n] of the first n test examples, which are written beside it.

    `mean` is their entry where its standard error is not that of `mean_entry`.
    """
    found = ExampleEntry(mean_entry(values) if mean is None else mean)
    found.each = values
    return found


def values_of(metrics: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the values per test example [S, n] of those metrics that have them."""
    return {name: found.each for name, found in metrics.items() if isinstance(found, ExampleEntry)}


def _finite(values: Tensor) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.double().tolist()]


def mask_diverged(metrics: dict[str, Any], diverged: list[bool]) -> None:
    """Set what a diverged seed was left with to null in every entry: it is no measurement."""
    for found in metrics.values():
        for position, bad in enumerate(diverged):
            if bad:
                found["values"][position] = None
                if found["se"] is not None:
                    found["se"][position] = None
                if isinstance(found, ExampleEntry):
                    found.each[position] = math.nan
