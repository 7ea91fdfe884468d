"""One metric over training, a value per seed: grows by appending, is thinned to a pane's width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Axis = Literal["step", "epoch", "time"]
Band = Literal["min–max", "±std"]

AXES: tuple[Axis, ...] = ("step", "epoch", "time")
BANDS: tuple[Band, ...] = ("min–max", "±std")


class Series:
    """`n` points of `S` seeds. Values are finite or NaN; NaN is anything the run could not measure.

    It only ever grows (`append`); a file that was cut back gets a new Series. So a reader that takes
    `n = len(series)` first and slices to it sees whole points even while another thread appends.
    """

    def __init__(self, metric: str, split: str, seeds: int) -> None:
        self.metric = metric
        self.split = split
        self.seeds = max(1, seeds)
        self._n = 0
        self._x = np.empty((3, 64))  # step, epoch, seconds
        self._values = np.empty((64, self.seeds))
        self._rows = np.empty((4, 64))  # mean, std, min, max over the finite seeds
        self._broken = np.zeros(64, bool)
        self._smooth: dict[float, _Smooth] = {}

    def __len__(self) -> int:
        return self._n

    def append(self, steps: Floats, epochs: Floats, seconds: Floats, values: Floats) -> None:
        """Add k points: `steps`, `epochs`, `seconds` of shape [k] and `values` of shape [k, S].

        Infinite values become NaN.

        Raises:
            ValueError: if the shapes do not agree.
        """
        values = np.asarray(values, np.float64)
        k = len(values)
        if values.shape != (k, self.seeds) or not (len(steps) == len(epochs) == len(seconds) == k):
            raise ValueError(f"expected {k} points of {self.seeds} seeds, got values {values.shape}")
        if k == 0:
            return
        bad = ~np.isfinite(values)
        values = np.where(bad, np.nan, values)
        self._reserve(self._n + k)
        here = slice(self._n, self._n + k)
        self._x[:, here] = steps, epochs, seconds
        self._values[here] = values
        self._rows[:, here] = _over_seeds(values, bad)
        before = np.isnan(self._values[self._n - 1 : self._n]) if self._n else np.zeros((1, self.seeds), bool)
        begins = bad & ~np.concatenate([before, bad[:-1]])
        self._broken[here] = begins.any(1) | bad.all(1)
        self._n += k  # last: a reader in another thread never sees a half-written point

    def _reserve(self, n: int) -> None:
        size = self._values.shape[0]
        if n <= size:
            return
        while size < n:
            size *= 2
        self._x = _grown(self._x, size)
        self._rows = _grown(self._rows, size)
        self._values = _grown(self._values.T, size).T
        self._broken = np.concatenate([self._broken, np.zeros(size - len(self._broken), bool)])

    def x(self, axis: Axis = "step") -> Floats:
        """Return the positions [n] in parameter updates, epochs, or seconds of training."""
        return self._x[AXES.index(axis), : self._n]

    @property
    def steps(self) -> Floats:
        """Parameter updates [n]."""
        return self.x("step")

    @property
    def epochs(self) -> Floats:
        """Passes over the training set [n]."""
        return self.x("epoch")

    @property
    def seconds(self) -> Floats:
        """Training time [n], evaluation excluded."""
        return self.x("time")

    @property
    def values(self) -> Floats:
        """Values [n, S]."""
        return self._values[: self._n]

    @property
    def mean(self) -> Floats:
        """Mean over the seeds that are finite [n]; NaN where none is."""
        return self._rows[0, : self._n]

    def band(self, kind: Band = "min–max") -> tuple[Floats, Floats]:
        """Return the lower and upper edge [n] over the finite seeds: the extremes, or mean ± std (ddof 1)."""
        n = self._n
        if kind == "±std":
            return self._rows[0, :n] - self._rows[1, :n], self._rows[0, :n] + self._rows[1, :n]
        return self._rows[2, :n], self._rows[3, :n]

    def ema(self, decay: float = 0.9) -> Floats:
        """Return the exponential moving average of the mean [n], without bias at its start.

        A NaN stays NaN and leaves the average where it was. The work is done once per point.
        """
        return self._smooth.setdefault(decay, _Smooth(decay)).of(self.mean)

    def last(self) -> Floats:
        """Return the newest value of each seed [S]; NaN where the newest point is not finite."""
        return self._values[self._n - 1].copy() if self._n else np.full(self.seeds, np.nan)

    def broken(self) -> NDArray[np.bool_]:
        """Return which points [n] to mark: every seed is NaN, or one has just stopped being finite."""
        return self._broken[: self._n]


class _Smooth:
    """A moving average that continues where it stopped."""

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.sum = self.weight = 0.0
        self.out = np.empty(0)

    def of(self, values: Floats) -> Floats:
        keep = self.decay
        new = []
        for value in values[len(self.out) :].tolist():
            if value == value:
                self.sum = keep * self.sum + (1 - keep) * value
                self.weight = keep * self.weight + (1 - keep)
                new.append(self.sum / self.weight)
            else:
                new.append(np.nan)
        if new:
            self.out = np.concatenate([self.out, new])
        return self.out[: len(values)]


def _grown(array: Floats, size: int) -> Floats:
    """Copy [k, n] into a new [k, size]."""
    out = np.empty((array.shape[0], size))
    out[:, : array.shape[1]] = array
    return out


def _over_seeds(values: Floats, bad: NDArray[np.bool_]) -> Floats:
    """Return mean, std (ddof 1; 0 for one seed), min, max [4, k] over the finite seeds of values [k, S]."""
    count = (~bad).sum(1)
    some = np.maximum(count, 1)
    # Divided first: a sum of numbers near the largest float would overflow.
    mean = np.where(bad, 0.0, values / some[:, None]).sum(1)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.where(bad, 0.0, (values - mean[:, None]) / np.sqrt(np.maximum(count - 1, 1))[:, None])
        std = np.sqrt((spread**2).sum(1))
    low = np.where(bad, np.inf, values).min(1)
    high = np.where(bad, -np.inf, values).max(1)
    out = np.stack([mean, np.where(np.isfinite(std), std, 0.0), low, high])
    out[:, count == 0] = np.nan
    return out


@dataclass(frozen=True)
class Reduced:
    """A line thinned to at most two points a column, in order; a NaN in `y` is a gap."""

    x: Floats
    y: Floats


def log10(values: Floats) -> Floats:
    """Return the decimal logarithm, NaN for what has none (zero and below)."""
    values = np.asarray(values, np.float64)
    out = np.full(values.shape, np.nan)
    np.log10(values, out=out, where=values > 0)
    return out


def in_order(x: Floats, *ys: Floats) -> tuple[Floats, ...]:
    """Cut x and the ys to one length, drop points with no position, and sort by x where it falls back."""
    n = min(len(x), *(len(y) for y in ys))
    arrays = [np.asarray(a[:n], np.float64) for a in (x, *ys)]
    usable = np.isfinite(arrays[0])
    if not usable.all():
        arrays = [a[usable] for a in arrays]
    if (np.diff(arrays[0]) < 0).any():
        order = np.argsort(arrays[0], kind="stable")
        arrays = [a[order] for a in arrays]
    return tuple(arrays)


def _columns(x: Floats, left: float, right: float, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where each occupied column begins in sorted x, and which column it is."""
    edges = left + (right - left) * np.arange(1, width) / width
    starts = np.concatenate([[0], np.searchsorted(x, edges, side="left")])
    ends = np.append(starts[1:], len(x))
    full = np.flatnonzero(ends > starts)
    return starts[full], full


def reduce(x: Floats, y: Floats, width: int, span: tuple[float, float] | None = None) -> Reduced:
    """Thin a line to the least and greatest value in each of `width` columns of `span` (default: all of x).

    Unequal lengths are cut to the shorter; points outside the span are left out. A column in which
    every value is NaN stays as a gap.
    """
    x, y = in_order(x, y)
    if len(x) == 0 or width < 1:
        return Reduced(np.empty(0), np.empty(0))
    left, right = span if span is not None else (float(x[0]), float(x[-1]))
    first, stop = int(np.searchsorted(x, left, "left")), int(np.searchsorted(x, right, "right"))
    x, y = x[first:stop], y[first:stop]
    n = len(x)
    if n <= 2 * width:
        return Reduced(x, y)
    starts, _ = _columns(x, left, right, width)
    low, high = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    ends = np.append(starts[1:], n) - 1
    with np.errstate(invalid="ignore"):
        falls = y[ends] < y[starts]
    out = np.empty((len(starts), 2))
    out[:, 0] = np.where(falls, high, low)
    out[:, 1] = np.where(falls, low, high)
    return Reduced(np.stack([x[starts], x[ends]], 1).ravel(), out.ravel())


def reduce_band(
    x: Floats, low: Floats, high: Floats, width: int, span: tuple[float, float]
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return the occupied columns of `span`, and the least `low` and greatest `high` in each."""
    x, low, high = in_order(x, low, high)
    first, stop = int(np.searchsorted(x, span[0], "left")), int(np.searchsorted(x, span[1], "right"))
    if stop <= first or width < 1:
        return np.empty(0, np.intp), np.empty(0), np.empty(0)
    starts, columns = _columns(x[first:stop], *span, width)
    return columns, np.fmin.reduceat(low[first:stop], starts), np.fmax.reduceat(high[first:stop], starts)
