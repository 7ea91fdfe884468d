"""The 8×8 handwritten digits that scikit-learn ships: 1797 pictures of 17 grey levels, no download."""

from __future__ import annotations

import gzip
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench.engine.data.subset import choose
from workbench.engine.streams import stream_seed
from workbench.errors import DATA, WorkbenchError
from workbench.spec.data import Arrays
from workbench.spec.schema import DataSettings

TEST = 360  # one fifth, drawn once and for all


def digits(settings: DataSettings, *_: Any) -> Arrays:
    """Return the digits with grey levels 0..16, split into 1437 train and 360 test pictures."""
    rows = torch.from_numpy(table())
    generator = torch.Generator().manual_seed(stream_seed(0, "digits/split"))
    order = torch.randperm(len(rows), generator=generator)
    rows = rows[order]
    train, test = rows[TEST:], rows[:TEST]
    train = train[choose(len(train), settings.train_size, "train", settings)]
    kept = choose(len(test), settings.test_size, "test", settings)
    test = test[kept]
    return Arrays(
        train[:, :64].contiguous(),
        train[:, 64].long(),
        test[:, :64].contiguous(),
        test[:, 64].long(),
        (8, 8),
        "grey",
        10,
        levels=16,
        test_rows=kept,
    )


@cache
def table() -> np.ndarray:
    """Return [1797, 65] uint8: 64 pixels and the label; to be read only.

    Read from the package's own file: importing scikit-learn takes longer than training starts.

    Raises:
        WorkbenchError: if scikit-learn is not installed (exit code DATA).
    """
    found = importlib.util.find_spec("sklearn")
    if found is None or found.origin is None:
        raise WorkbenchError(
            "The digits come with scikit-learn, which is not installed.", "pip install scikit-learn", DATA
        )
    path = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if not path.exists():  # a later release may move it
        from sklearn.datasets import load_digits  # loads scikit-learn: 1 s

        pixels, labels = load_digits(return_X_y=True)
        return np.column_stack([pixels, labels]).astype(np.uint8)
    with gzip.open(path, "rt") as file:
        return np.loadtxt(file, delimiter=",").astype(np.uint8)
