"""The checks that arrays from files must pass, and what is found out about their values on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.spec.data.base import Kind
from workbench.spec.data.files.raw import Array, Place, Raw, refused
from workbench.spec.data.settings import DataSettings

BLOCK = 1 << 24  # bytes of values looked at together
BYTE = 255
HALF_BYTE = 127  # bytes above this are taken for the whole range of a byte


@dataclass(frozen=True)
class Values:
    """What the values of both splits are: smallest, largest, whether whole numbers, whether only 0 and 1."""

    low: float
    high: float
    whole: bool
    bits: bool


def checked(path: Path, raw: Raw) -> tuple[Values, list[str]]:
    """Check shapes, types and values; return what the values are, and the names of the classes in order.

    Raises:
        WorkbenchError: with file, place and reason (exit code DATA).
    """
    x, test = raw.examples, raw.test
    for name, array in (("examples", x), ("test examples", test)):
        if array is None:
            continue
        if array.dtype.kind not in "biuf":
            raise refused(path, f"the {name} are of type {array.dtype}, and must be numbers")
        if array.ndim < 2:
            raise refused(path, f"the {name} have the shape {array.shape}, and must be [count, …]")
        if array.size == 0:
            raise refused(path, f"it holds no {name}" if len(array) == 0 else f"the {name} have no values")
        if picture_shape(array.shape[1:]) is None:
            raise refused(
                path,
                f"an example has the shape {array.shape[1:]}, and must be [D], [H, W], [H, W, 1 or 3] or "
                "[1 or 3, H, W]",
            )
    if test is not None and test.shape[1:] != x.shape[1:]:
        raise refused(
            path, f"test examples have the shape {test.shape[1:]}, and training examples {x.shape[1:]}"
        )
    if raw.test is None and len(x) < 2:
        raise refused(path, "it holds one example, and some must be held out for testing")
    for name, labels, examples in (("labels", raw.labels, x), ("test labels", raw.test_labels, test)):
        if labels is not None and examples is not None:
            _check_labels(path, name, labels, len(examples))
    if (raw.labels is None) != (raw.test_labels is None) and test is not None:
        which = "training" if raw.labels is None else "test"
        raise refused(path, f"the {which} examples have no labels, and the others have", "See data.labels.")
    found = [
        _scan(path, array, place)
        for array, place in ((x, raw.place), (test, raw.test_place))
        if array is not None
    ]
    values = Values(
        min(v.low for v in found),
        max(v.high for v in found),
        all(v.whole for v in found),
        all(v.bits for v in found),
    )
    return values, _classes(raw)


def picture_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of an example with colour last, and without an axis for grey; None if it has none."""
    if len(shape) <= 2:
        return shape
    if len(shape) == 3 and shape[2] in (1, 3):
        return shape if shape[2] == 3 else shape[:2]
    if len(shape) == 3 and shape[0] in (1, 3):
        return (*shape[1:], 3) if shape[0] == 3 else shape[1:]
    return None


def kind_and_range(
    values: Values, top: int, settings: DataSettings, shape: tuple[int, ...], byte: bool
) -> tuple[Kind, tuple[float, float]]:
    """Return the kind of the data and the values mapped to 0 and 1; those of points stay as they are.

    `top` is the largest value of the format, `byte` whether the file holds unsigned bytes.
    """
    pictures = len(shape) > 1
    if settings.range:
        low, high = settings.range
        return ("binary" if (low, high) == (0, 1) and values.bits else "grey"), (low, high)
    if top:
        return "grey", (0, top)
    if values.bits:
        return "binary", (0, 1)
    if values.whole and values.low >= 0 and (pictures or values.high <= BYTE):
        return "grey", (0, BYTE if byte and values.high > HALF_BYTE else values.high)
    if pictures and values.low >= 0 and values.high <= 1:
        return "grey", (0, 1)
    return "points", (values.low, values.high)


def outside(array: Array, place: Place, low: float, high: float) -> str:
    """Return the first value outside a range, with its place; empty if there is none."""
    for start, block in blocks(array):
        wrong = (block < low) | (block > high)
        if wrong.any():
            row, *position = np.unravel_index(int(wrong.argmax()), block.shape)
            return f"{place(start + int(row), [int(p) for p in position])} is {block[(row, *position)]:g}"
    return ""


def blocks(array: Array) -> Iterator[tuple[int, Array]]:
    """Yield (first row, rows) of an array that may be larger than memory."""
    rows = max(1, BLOCK // max(1, math.prod(array.shape[1:]) * array.dtype.itemsize))
    for start in range(0, len(array), rows):
        yield start, np.asarray(array[start : start + rows])


def _check_labels(path: Path, name: str, labels: Array, count: int) -> None:
    if labels.ndim > 1 and labels.size != len(labels):
        raise refused(path, f"the {name} have the shape {labels.shape}, and must be one per example")
    if len(labels) != count:
        raise refused(path, f"there are {len(labels)} {name} for {count} examples")
    if labels.dtype.kind == "f":
        wrong = ~(np.isfinite(labels) & (labels == np.round(labels)))
        if wrong.any():
            row = int(wrong.reshape(-1).argmax())
            hint = "data.labels=none ignores them."
            raise refused(
                path,
                f"{name}[{row}] is {labels.reshape(-1)[row]:g}, and labels are whole numbers or text",
                hint,
            )
    elif labels.dtype.kind not in "biuUS":
        raise refused(path, f"the {name} are of type {labels.dtype}, and must be whole numbers or text")


def _scan(path: Path, array: Array, place: Place) -> Values:
    low, high, bits = math.inf, -math.inf, True
    for start, block in blocks(array):
        if block.dtype.kind == "f" and not (finite := np.isfinite(block)).all():
            row, *position = np.unravel_index(int((~finite).argmax()), block.shape)
            value = block[(row, *position)]
            raise refused(
                path, f"{place(start + int(row), [int(p) for p in position])} is {value}, and must be finite"
            )
        low, high = min(low, float(block.min())), max(high, float(block.max()))
        bits = bits and low >= 0 and high <= 1 and bool(((block == 0) | (block == 1)).all())
    return Values(low, high, array.dtype.kind in "biu", bits)


def _classes(raw: Raw) -> list[str]:
    """Return the names of all classes: numbers in order, or words in alphabetical order."""
    given = [labels.reshape(-1) for labels in (raw.labels, raw.test_labels) if labels is not None]
    if not given:
        return []
    if any(labels.dtype.kind in "US" for labels in given):
        return sorted({class_name(value) for labels in given for value in np.unique(labels)})
    return [class_name(value) for value in np.unique(np.concatenate(given))]


def class_name(value: object) -> str:
    """Return a class's name: 3 and 3.0 are one class."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value) if isinstance(value, str) else str(int(value))  # type: ignore[call-overload]
