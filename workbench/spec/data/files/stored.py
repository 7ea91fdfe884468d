"""How arrays from files are kept: in place where they can be mapped as they are, else in a plain type."""

from __future__ import annotations

import numpy as np

from workbench.spec.data.files.cache import Draft
from workbench.spec.data.files.check import BYTE, Values, blocks, class_name
from workbench.spec.data.files.raw import Array, Raw

EXACT = 1 << 24  # whole numbers up to this are exact in float32


def stored(raw: Raw, values: Values, classes: list[str], draft: Draft) -> dict[str, Array]:
    """Return checked arrays by name: examples with colour last, labels as int64; new ones are the draft's."""
    found = {"examples": _kept("examples", raw.examples, values, draft)}
    if raw.test is not None:
        found["test"] = _kept("test", raw.test, values, draft)
    for name in ("labels", "test_labels"):
        labels = getattr(raw, name)
        if labels is not None:
            found[name] = draft.allocate(name, (len(labels),), np.int64)
            found[name][:] = _coded(labels, classes)
    return found


def colour_last(x: Array) -> Array:
    """Return examples [N, …] with colour as the last axis, and without an axis for one grey channel."""
    if x.ndim == 4 and x.shape[-1] == 1:
        return x[..., 0]
    if x.ndim == 4 and x.shape[-1] != 3:
        return x[:, 0] if x.shape[1] == 1 else np.moveaxis(x, 1, -1)
    return x


def _kept(name: str, x: Array, values: Values, draft: Draft) -> Array:
    """Return x as it is if it is mapped or the draft's own, and needs no conversion; else a copy."""
    rows = colour_last(x)
    dtype = _plain_type(x.dtype, values)
    if (isinstance(x, np.memmap) or name in draft.made) and x.dtype == dtype and rows.flags.c_contiguous:
        return rows
    copy = draft.allocate(name, rows.shape, dtype)
    for start, block in blocks(rows):
        copy[start : start + len(block)] = block
    return copy


def _plain_type(dtype: np.dtype, values: Values) -> np.dtype:
    """Return the type to keep: bytes for small whole numbers, else floating-point numbers that hold them."""
    if values.whole and values.low >= 0 and values.high <= BYTE:
        return np.dtype(np.uint8)
    if dtype.kind == "f":
        return np.dtype(np.float64 if dtype.itemsize > 4 else np.float32)
    exact = max(-values.low, values.high) <= EXACT
    return np.dtype(np.float32 if exact else np.float64)


def _coded(labels: Array, classes: list[str]) -> Array:
    """Return labels as numbers of their classes, [N] int64."""
    places = {name: place for place, name in enumerate(classes)}
    values, rows = np.unique(labels.reshape(-1), return_inverse=True)
    return np.array([places[class_name(value)] for value in values], np.int64)[rows]
