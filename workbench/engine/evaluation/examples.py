"""Values per test example, as arrays to write beside the means (docs/store.md)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from workbench.engine.data.dataset import DataSet

PREFIX = "example_"


def example_arrays(data: DataSet, values: Mapping[str, Tensor]) -> dict[str, np.ndarray[Any, Any]]:
    """Return `example_<metric>` [S, n] float32 for each of `values` [S, n], and which examples they are.

    Values are of the first n examples of the test set, in its order. `example_index` [N] are their rows in
    the data set's own test split, also where the run has a subset of it. `example_id` [N] are fingerprints
    of what is there: runs on equal examples have equal ones.
    """
    if not values:
        return {}
    count = max(found.shape[1] for found in values.values())
    return {
        "example_index": data.test_rows[:count],
        "example_id": data.fingerprints("test", count),
        **{PREFIX + name: found.float().cpu().numpy() for name, found in values.items()},
    }


def packed(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Return the arrays as the bytes of a compressed npz."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
