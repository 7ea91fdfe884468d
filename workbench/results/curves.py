"""All curves of a run as arrays, and as one long table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError, did_you_mean
from workbench.results.live import LiveRun
from workbench.results.series import Floats
from workbench.text import safe_text

LIBRARIES = ("pandas", "polars")  # of data frames; neither is required


@dataclass(frozen=True)
class Curve:
    """One curve: `values` [S, n], NaN where there is none, at `steps` (updates), `epochs`, `seconds` [n]."""

    steps: NDArray[np.int64]
    epochs: Floats
    seconds: Floats
    values: Floats


class Curves(Mapping[str, Curve]):
    """The curves of a run by split and metric, as in "train:loss" and "test:mse".

    A metric alone means its training curve, or the only one.
    """

    def __init__(self, seeds: Sequence[int], curves: dict[str, Curve]) -> None:
        self.seeds, self._curves = tuple(seeds), curves

    def __getitem__(self, name: str) -> Curve:
        if name in self._curves:
            return self._curves[name]
        found = [f"train:{name}"] if f"train:{name}" in self._curves else []
        found = found or [key for key in self._curves if key.partition(":")[2] == name]
        if len(found) != 1:
            raise KeyError(did_you_mean(name, found or self._curves) or name)
        return self._curves[found[0]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._curves)

    def __len__(self) -> int:
        return len(self._curves)

    def __repr__(self) -> str:
        return f"<Curves {safe_text(', '.join(self._curves), 500, one_line=True)}>"

    def columns(self) -> dict[str, list[Any]]:
        """Return one long table by column: split, metric, seed, step, epoch, seconds, value."""
        found: dict[str, list[Any]] = {
            name: [] for name in ("split", "metric", "seed", "step", "epoch", "seconds", "value")
        }
        for name, curve in self._curves.items():
            split, _, metric = name.partition(":")
            for seed, values in zip(self.seeds, curve.values, strict=True):
                n = len(curve.steps)
                parts = ([split] * n, [metric] * n, [seed] * n)
                numbers = (part.tolist() for part in (curve.steps, curve.epochs, curve.seconds, values))
                for column, part in zip(found.values(), (*parts, *numbers), strict=True):
                    column += part
        return found

    def frame(self, library: str = "") -> Any:
        """Return `columns` as a data frame of pandas, or else of polars; `library` names one of them.

        Raises:
            WorkbenchError: if it is not installed.
        """
        return data_frame(self.columns(), library)


def curves_of(live: LiveRun) -> Curves:
    """Return copies of the curves that have been read so far."""
    found = {}
    for metric, split in live.names():
        series = live.series(metric, split)
        n = len(series)  # more may be appended meanwhile
        steps = series.steps[:n].round().astype(np.int64)
        places = series.epochs[:n].copy(), series.seconds[:n].copy()
        found[f"{split}:{metric}"] = Curve(steps, *places, series.values[:n].T.copy())
    return Curves(live.seeds, found)


def data_frame(columns: dict[str, list[Any]], library: str = "") -> Any:
    """Return columns as a data frame of pandas, or else of polars; `library` names one of them.

    Raises:
        WorkbenchError: if it is not installed.
    """
    for name in (library,) if library else LIBRARIES:
        try:
            return import_module(name).DataFrame(columns)  # if asked for: neither is required
        except ImportError:
            continue
    missing = library or " or ".join(LIBRARIES)
    raise WorkbenchError(f"Cannot make a data frame: {missing} is not installed.")
