"""Values per test example, as arrays to write beside the means (docs/store.md)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.engine.data.dataset import DataSet
from workbench.engine.evaluation.entry import values_of
from workbench.store.examples import IDS, INDEX, VALUES


def example_arrays(data: DataSet, metrics: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Return `example_<metric>` [S, n] float32 for each of `metrics` that has values, and of which examples.

    Values are of the first n examples of the test set, in its order. `example_index` [N] are their rows in
    the data set's own test split, also where the run has a subset of it. `example_id` [N] are fingerprints
    of what is there: runs on equal examples have equal ones.
    """
    values = values_of(metrics)
    if not values:
        return {}
    count = max(found.shape[1] for found in values.values())
    return {
        INDEX: data.test_rows[:count],
        IDS: data.fingerprints("test", count),
        **{VALUES + name: found.float().cpu().numpy() for name, found in values.items()},
    }


def packed(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Return the arrays as the bytes of a compressed npz."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
