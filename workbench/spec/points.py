"""The points of a sweep: --grid (every combination), --zip (value by value) and --random (drawn)."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from workbench.errors import WorkbenchError
from workbench.spec.overrides import Override, parse_set, parse_value, parse_values, split_commas

MAX_RUNS = 10_000  # of one submission
DIGITS = 4  # significant digits of a drawn number: enough for any setting, and short in a name
_LAW = re.compile(r"(loguniform|uniform|randint|choice)\s*\((.*)\)", re.DOTALL)

Point = tuple[Override, ...]
Draw = Callable[[random.Random], Any]


def sweep_points(
    grid: Iterable[str] = (),
    zipped: Iterable[str] = (),
    laws: Iterable[str] = (),
    draws: int | None = None,
    seed: int = 0,
) -> list[Point]:
    """Return every combination of the grids, the zip as a whole and the draws; the last turns fastest.

    `laws` are settings such as "training.lr=loguniform(1e-4, 1e-2)", of which `draws` are drawn. A draw
    follows from `seed`, its key and its number alone: more draws begin with the same ones, and another
    key changes none. Without anything the only point is ().

    Raises:
        WorkbenchError: for a faulty text, a key that is given twice, or more than `MAX_RUNS` points.
    """
    axes: list[list[Point]] = [[(value,) for value in parse_values(text, "--grid")] for text in grid]
    axes += _zip_axis([parse_values(text, "--zip", repeats=True) for text in zipped])
    drawn = [parse_law(text) for text in laws]
    if drawn and draws is None:
        raise WorkbenchError(f"{drawn[0][0].source}: needs --random N, the number of draws.")
    if draws is not None and not drawn:
        example = "Example: --random 20 --set 'training.lr=loguniform(1e-4, 1e-2)'."
        raise WorkbenchError("--random: no --set has a distribution.", example)
    keys = [(override.name, override.source) for axis in axes for override in axis[0]]
    keys += [(override.name, override.source) for override, _ in drawn]
    for place, (key, source) in enumerate(keys):
        if key in (earlier for earlier, _ in keys[:place]):
            option = source.partition(" ")[0]
            raise WorkbenchError(f"{option} {key}: given twice.", "Put all its values into one option.")
    count = math.prod(map(len, axes)) * (1 if draws is None else draws)
    if count > MAX_RUNS:
        raise WorkbenchError(f"The sweep makes {count} runs; {MAX_RUNS} is the most.", "Leave out some.")
    if draws is not None:
        axes.append(_drawn_axis(drawn, draws, seed))
    return [tuple(itertools.chain(*parts)) for parts in itertools.product(*axes)]


def is_law(text: str) -> bool:
    """Whether a `key=value` text gives a distribution in place of a value."""
    return _LAW.fullmatch(text.partition("=")[2].strip()) is not None


def parse_law(text: str) -> tuple[Override, Draw]:
    """Return the override that `key=law(…)` makes, its value still the text, and the draw of its value.

    Raises:
        WorkbenchError: if the arguments do not fit the law.
    """
    override = parse_set(text)
    found = _LAW.fullmatch(str(override.value).strip())
    assert found is not None, "the caller asks is_law first"
    law, inside = found.groups()
    values = [parse_value(part) for part in split_commas(inside)]

    def refuse(why: str) -> WorkbenchError:
        return WorkbenchError(f"{override.source}: {law} {why}.", "Example: loguniform(1e-4, 1e-2).")

    if law == "choice":
        if None in values:
            raise refuse("needs values, separated by commas")
        return override, lambda generator: values[int(generator.random() * len(values))]
    if len(values) != 2 or not all(type(value) in (int, float) for value in values):
        raise refuse("needs two numbers")
    low, high = values
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise refuse("needs two finite numbers, the smaller one first")
    if law == "randint":
        if type(low) is not int or type(high) is not int:
            raise refuse("needs two whole numbers")
        return override, lambda generator: low + int(generator.random() * (high - low + 1))
    if law == "loguniform":
        if low <= 0:
            raise refuse("needs numbers above zero")
        ratio = math.log(high / low)
        return override, lambda generator: _rounded(low * math.exp(generator.random() * ratio), low, high)
    return override, lambda generator: _rounded(low + generator.random() * (high - low), low, high)


def _zip_axis(columns: list[list[Override]]) -> list[list[Point]]:
    """Return the zip as one axis, or no axis where there are no columns."""
    if not columns:
        return []
    first = columns[0]
    for column in columns[1:]:
        if len(column) != len(first):
            raise WorkbenchError(
                f"--zip {column[0].name}: has {len(column)} values, and {first[0].name} has {len(first)}.",
                "Values are paired one by one.",
            )
    return [list(zip(*columns, strict=True))]


def _drawn_axis(laws: Sequence[tuple[Override, Draw]], draws: int, seed: int) -> list[Point]:
    columns = []
    for override, draw in laws:
        generator = random.Random(f"{seed}/{override.name}")
        columns.append([Override(override.keys, draw(generator), override.source) for _ in range(draws)])
    return list(zip(*columns, strict=True))


def _rounded(value: float, low: float, high: float) -> float:
    return min(max(float(f"{value:.{DIGITS}g}"), float(low)), float(high))
