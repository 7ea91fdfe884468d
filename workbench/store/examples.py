"""Reads the values per test example of a run, from npz files that may be damaged or hostile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.store.evaluations import read_evaluations, read_results
from workbench.store.paths import RunPaths
from workbench.store.snapshots import read_npz

INDEX, IDS = "example_index", "example_id"  # names of the arrays, and how those of a metric's values begin
VALUES = "example_"


@dataclass(frozen=True)
class Examples:
    """One metric, example by example: `values` [S, n], in the order of the run's seeds; NaN has none.

    `index` [n] are the rows of the test set, `ids` [n] fingerprints of the examples there: two runs were
    judged on the same examples where these are equal.
    """

    values: NDArray[np.float64]
    index: NDArray[np.int64]
    ids: NDArray[np.uint64]


def read_examples(paths: RunPaths) -> dict[str, Examples]:
    """Return the values per example of each metric: those of the result, else of the newest evaluation.

    What is absent, damaged, too large or of another form is left out.
    """
    found: dict[str, Examples] = {}
    results = read_results(paths)
    seeds = max((len(entry.values) for entry in results.values()), default=0)
    for evaluation in read_evaluations(paths):
        own = len(evaluation.seeds)
        if evaluation.arrays is not None and own == (seeds or own):
            found |= _read(paths.evaluations / evaluation.arrays, evaluation.metrics, own)
    return found | _read(paths.examples, results, seeds)


def _read(path: Path, metrics: Iterable[str], seeds: int) -> dict[str, Examples]:
    names = {VALUES + name: name for name in metrics}
    arrays = read_npz(path, (INDEX, IDS, *names))
    index, ids = arrays.pop(INDEX, None), arrays.pop(IDS, None)
    if index is None or ids is None or index.ndim != 1 or index.shape != ids.shape:
        return {}
    if index.dtype.kind not in "iu" or ids.dtype.kind != "u":
        return {}
    return {
        names[key]: Examples(values.astype(np.float64), index.astype(np.int64)[:n], ids.astype(np.uint64)[:n])
        for key, values in arrays.items()
        if values.dtype.kind == "f" and values.ndim == 2 and len(values) == seeds
        if 0 < (n := values.shape[1]) <= len(index)
    }
