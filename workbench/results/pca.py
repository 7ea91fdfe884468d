"""Two-dimensional views of latents: a principal-component basis that is found once and then stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Projection:
    """An affine map from d to 2 dimensions; `explained` is the share of the variance it was found on."""

    centre: Floats  # [d]
    axes: Floats  # [d, 2]
    explained: float

    def __call__(self, z: NDArray[Any]) -> Floats:
        """Map z [n, d] to [n, 2]; rows that are not finite become NaN.

        Raises:
            ValueError: for another d.
        """
        if z.ndim != 2 or z.shape[1] != len(self.centre):
            raise ValueError(f"expected [n, {len(self.centre)}], got {z.shape}")
        with np.errstate(all="ignore"):
            out = (z.astype(np.float64) - self.centre) @ self.axes
        return np.asarray(np.where(np.isfinite(out), out, np.nan))


def principal_plane(z: NDArray[Any]) -> Projection:
    """Return the plane of the two leading principal components of z [n, d].

    In two dimensions the coordinates stay as they are; in one, the second coordinate is 0. An axis has the
    sign that makes its largest component positive, so that the same data always give the same picture.
    """
    d = z.shape[1]
    if d <= 2:
        return Projection(np.zeros(d), np.eye(d, 2), 1.0)
    z = z.astype(np.float64)
    z = z[np.isfinite(z).all(1)]
    largest = float(np.abs(z).max(initial=0.0))
    if len(z) < 2 or largest == 0.0:
        return Projection(np.zeros(d), np.eye(d, 2), 0.0)
    scaled = z / largest  # squares of huge values would overflow
    centre = scaled.mean(0)
    values, vectors = np.linalg.eigh(np.cov(scaled, rowvar=False))
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), range(2)])
    total = float(values.sum())
    return Projection(centre * largest, axes, float(values[::-1][:2].sum()) / total if total > 0 else 0.0)


def view_span(values: Floats, tail: float = 0.5) -> tuple[float, float]:
    """Return a range that shows all but stray values: percentiles `tail` and 100 - tail, widened by a tenth.

    Values within that widened range of the extremes are taken in whole. (0, 1) where nothing is finite.
    """
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, [tail, 100 - tail]))
    room = 0.1 * (high - low) or max(abs(high) * 0.1, 1e-6)
    least, most = float(finite.min()), float(finite.max())
    return (least if least >= low - room else low - room), (most if most <= high + room else high + room)
