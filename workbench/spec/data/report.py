"""Facts about loaded data: shape, kind, range, classes, splits, hash, memory, and a preview."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from workbench.spec.data.base import Arrays
from workbench.spec.data.settings import DataSettings

PICTURES, POINTS = 24, 1000  # test examples of a preview


@dataclass(frozen=True)
class DataReport:
    """Facts about data as a run would see them. `counts` are training examples per class, in their order."""

    name: str
    path: str
    hash: str
    kind: str  # points, binary or grey
    shape: tuple[int, ...]
    range: tuple[float, float]  # mapped to 0 and 1; of points, the smallest and largest training value
    standardised: bool
    train: int
    test: int
    test_split: str  # "its own", or the share held out
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    bytes: int  # of all examples in memory
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def report_of(settings: DataSettings, arrays: Arrays, **known: Any) -> tuple[DataReport, dict[str, Any]]:
    """Return the facts about a loader's arrays or views, and arrays of a preview of the test split.

    The preview holds `images` [n, H, W] or [n, H, W, 3] uint8, or `points` [n, D], and `labels` [n].
    `known` are fields that the arrays do not show.
    """
    import numpy as np  # this package lists its modules for `presets ls`, which needs no numpy

    def rows(x: Any, index: Any) -> Any:
        return x.take(index) if hasattr(x, "read") else np.asarray(x)[index]

    train, test = arrays.train_x, arrays.test_x
    low, high, digest = np.inf, -np.inf, hashlib.sha256()
    for x, y in ((train, arrays.train_y), (test, arrays.test_y)):
        for start in range(0, len(x), 10_000):
            block = np.ascontiguousarray(rows(x, np.arange(start, min(start + 10_000, len(x)))))
            digest.update(block.data)
            if x is train:
                low, high = min(low, float(block.min())), max(high, float(block.max()))
        digest.update(np.ascontiguousarray(y).data)
    byte = rows(train, np.arange(1)).dtype == np.uint8
    pictures = arrays.kind != "points" and len(arrays.shape) > 1
    shown = rows(test, np.arange(min(len(test), PICTURES if pictures else POINTS)))
    scaled = (shown.astype(np.float64) - (arrays.shift if arrays.shift is not None else 0)) / arrays.levels
    preview: dict[str, Any] = {"labels": np.asarray(arrays.test_y)[: len(shown)]}
    if pictures:
        pixels = np.round(255 * scaled.clip(0, 1)).astype(np.uint8)
        preview["images"] = pixels.reshape(len(shown), *arrays.shape)
    else:
        preview["points"] = scaled
    floor = float(arrays.shift or 0) if arrays.kind != "points" else low
    facts: dict[str, Any] = {
        "name": settings.name,
        "path": settings.path,
        "hash": digest.hexdigest()[:16],
        "kind": arrays.kind,
        "shape": tuple(arrays.shape),
        "range": (floor, high if arrays.kind == "points" else floor + float(arrays.levels)),
        "standardised": arrays.kind == "points" and settings.standardise,
        "train": len(train),
        "test": len(test),
        "test_split": "its own",
        "classes": tuple(map(str, range(arrays.classes))),
        "counts": tuple(np.bincount(np.asarray(arrays.train_y), minlength=arrays.classes).tolist())
        * bool(arrays.classes),
        "bytes": (len(train) + len(test)) * shown.shape[1] * (1 if byte else 4),
        "skipped": arrays.skipped,
    }
    return DataReport(**{**facts, **known}), preview
