"""The digits written as a user's own files: every format, with the split of the built-in set."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workbench.engine.data.digits import digits
from workbench.spec.data.files.raw import Array
from workbench.spec.schema import DataSettings


@cache
def digit_splits() -> dict[str, tuple[Array, Array]]:
    """Return x [n, 8, 8] uint8 and y [n] of both splits of the built-in set, in its order."""
    found = digits(DataSettings())
    both = {"train": (found.train_x, found.train_y), "test": (found.test_x, found.test_y)}
    return {split: (x.numpy().reshape(-1, 8, 8), y.numpy()) for split, (x, y) in both.items()}


def write_digits(format: str, folder: Path, count: int | None = None) -> dict[str, Any]:
    """Write the digits (the first `count` of each split) and return the settings that read them."""
    folder.mkdir(parents=True, exist_ok=True)
    splits = {name: (x[:count], y[:count]) for name, (x, y) in digit_splits().items()}
    (train_x, train_y), (test_x, test_y) = splits["train"], splits["test"]
    if format in ("npz", "npz compressed"):
        save = np.savez if format == "npz" else np.savez_compressed
        save(folder / "d.npz", x_train=train_x, y_train=train_y, x_test=test_x, y_test=test_y)
        return {"path": str(folder / "d.npz")}
    if format == "npy":
        for name, array in (("x", train_x), ("y", train_y), ("tx", test_x), ("ty", test_y)):
            np.save(folder / f"{name}.npy", array)
        return {"path": str(folder / "x.npy"), "labels": "y.npy", "test": "tx.npy", "test_labels": "ty.npy"}
    if format in ("csv", "tsv"):
        delimiter = "," if format == "csv" else "\t"
        head = delimiter.join([*(f"pixel{k}" for k in range(64)), "label"]) if format == "csv" else ""
        for split, (x, y) in splits.items():
            rows = np.column_stack([x.reshape(-1, 64), y])
            np.savetxt(
                folder / f"{split}.{format}", rows, "%d", delimiter, header=head, comments=""
            ) if head else np.savetxt(folder / f"{split}.{format}", rows, "%d", delimiter)
        labels = {} if head else {"labels": "-1"}
        return {"path": str(folder / f"train.{format}"), "test": f"test.{format}", "image_size": 8, **labels}
    if format == "idx":
        for split, prefix in (("train", "train"), ("test", "t10k")):
            write_idx(folder / f"{prefix}-images-idx3-ubyte", splits[split][0])
            write_idx(folder / f"{prefix}-labels-idx1-ubyte", splits[split][1])
        return {"path": str(folder)}
    assert format == "png"
    for split, (x, y) in splits.items():
        for number, (image, label) in enumerate(zip(x, y, strict=True)):
            place = folder / split / str(label)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{number:05d}.png")
    return {"path": str(folder), "range": [0, 16]}


def write_idx(path: Path, values: Array) -> None:
    """Write bytes in the format of the MNIST files."""
    header = struct.pack(f">I{values.ndim}I", 0x0800 + values.ndim, *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())
