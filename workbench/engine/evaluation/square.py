"""The uniform-square study: how Gaussian the latents are, how uniform what is decoded from them.

Every statistic is reported beside what as many true N(0, I) or U[0, 1] draws give (its null): at 2000 points
a p-value would reject any model.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from workbench.engine.data.dataset import DataSet
from workbench.engine.evaluation.distances import (
    directions,
    energy_distance,
    energy_null,
    median_distance,
    mmd,
    mmd_null,
)
from workbench.engine.evaluation.entry import entry
from workbench.engine.streams import Streams

POINTS = 2000  # test examples that are looked at, at most
PAIRS = 1000  # of these, how many enter distances between all pairs
NULL_DRAWS = 200
SLICED_DRAWS = 100  # sorting is what costs here
DIRECTIONS = 64
CELLS = 10  # per axis of the occupancy grid
RANGE = (0.01, 0.99)  # quantiles shown as the range of a reconstruction

Statistics = dict[str, Tensor]


def is_raw_square(data: DataSet) -> bool:
    """Whether the data are the unit square itself, not standardised: the statistics below are about it."""
    if data.info.name != "square":
        return False
    every = torch.arange(data.info.test_size, device=data.device)
    x = data.examples("test", every, Streams([0], data.device, data.dtype)).x
    return bool(((x >= 0) & (x <= 1)).all())


def square_summary(z: Tensor, decoded: Tensor, sampled: Tensor) -> dict[str, Any]:
    """Return the study's metrics in the form of a result.

    z [S, n, d] holds one posterior draw per test example, decoded [S, n, 2] the means that it decodes to,
    sampled [S, n, 2] the means decoded from as many draws of N(0, I). A member with a value that
    is not finite has none of these.
    """
    z, decoded, sampled = (part.detach().double().cpu() for part in (z, decoded, sampled))
    rows: dict[str, list[Tensor]] = {}
    for own_z, own_decoded, own_sampled in zip(z, decoded, sampled, strict=True):
        found = gaussian_statistics(own_z)
        found |= {f"x_{name}": value for name, value in uniform_statistics(own_decoded).items()}
        low, high = (own_decoded.nanquantile(q, 0) for q in RANGE)
        found |= {"x_low": low.amax(), "x_high": high.amin()}
        found |= {f"sample_{name}": value for name, value in uniform_statistics(own_sampled).items()}
        for name, value in found.items():
            rows.setdefault(name, []).append(value)
    count, dimensions = z.shape[1:]
    result = {name: entry(torch.stack(values), None, count) for name, values in rows.items()}
    for name, limit in nulls(count, dimensions).items():
        result[name] = entry(torch.full((len(z),), limit, dtype=torch.float64), None, count)
    return result


def gaussian_statistics(z: Tensor) -> Statistics:
    """Return how far z [n, d] is from draws of N(0, I); all NaN if a value is not finite."""
    names = ("z_ks", "z_mean_error", "z_cov_error", "z_skewness", "z_kurtosis", "z_energy", "z_mmd")
    if not z.isfinite().all():
        return dict.fromkeys(names, torch.tensor(torch.nan, dtype=torch.float64))
    eye = torch.eye(z.shape[1], dtype=z.dtype)
    skewness, kurtosis = mardia(z)
    pairs = z[None, :PAIRS]
    reference = _normals(pairs.shape[1], z.shape[1], 1)[None]
    values = (
        ks(torch.special.ndtr(z)),
        z.mean(0).norm(),
        (z.T.cov().view_as(eye) - eye).norm(),
        skewness,
        kurtosis,
        energy_distance(pairs, reference)[0],
        mmd(pairs, reference, _bandwidth(z.shape[1]))[0],
    )
    return dict(zip(names, values, strict=True))


def uniform_statistics(x: Tensor) -> Statistics:
    """Return how far x [n, D] is from draws of U[0, 1]^D; all NaN if a value is not finite."""
    if not x.isfinite().all():
        return dict.fromkeys(("ks", "occupancy", "sliced"), torch.tensor(torch.nan, dtype=torch.float64))
    return {"ks": ks(x.clamp(0, 1)), "occupancy": occupancy(x), "sliced": sliced_w1(x)}


def ks(u: Tensor) -> Tensor:
    """Return the Kolmogorov–Smirnov distance of each column of u [n, d] from U[0, 1]: the largest of them."""
    count = len(u)
    ordered = u.sort(0).values
    steps = torch.arange(1, count + 1, dtype=u.dtype)[:, None] / count
    return torch.maximum(steps - ordered, ordered - steps + 1 / count).amax()


def mardia(z: Tensor) -> tuple[Tensor, Tensor]:
    """Return Mardia's skewness b₁ and excess kurtosis b₂ − d (d + 2) of z [n, d] (Mardia 1970).

    A Gaussian has d (d + 1)(d + 2) / n and 0 in the mean.
    """
    centred = z - z.mean(0)
    covariance = centred.T @ centred / len(z)
    angles = centred @ torch.linalg.pinv(covariance, hermitian=True) @ centred.T
    dimensions = z.shape[1]
    return angles.pow(3).mean(), angles.diagonal().square().mean() - dimensions * (dimensions + 2)


def occupancy(x: Tensor) -> Tensor:
    """Return χ² of x [n, 2] over 10 × 10 equal cells of the unit square (99 in the mean for uniform x).

    Points outside count in the nearest cell.
    """
    cell = (x.clamp(0, 1) * CELLS).long().clamp_max(CELLS - 1)
    counts = torch.bincount(cell[:, 0] * CELLS + cell[:, 1], minlength=CELLS**2).double()
    expected = len(x) / CELLS**2
    return ((counts - expected) ** 2 / expected).sum()


def sliced_w1(x: Tensor) -> Tensor:
    """Return the mean Wasserstein-1 distance of x [n, 2] from U[0, 1]², over fixed random directions."""
    axes = directions(2, DIRECTIONS, x)
    return ((x @ axes).sort(0).values - _quantiles(len(x))).abs().mean()


@cache
def _quantiles(count: int) -> Tensor:
    """Return `count` middle quantiles of U[0, 1]² along each direction, from 10 000 evenly spaced points."""
    axis = (torch.arange(100, dtype=torch.float64) + 0.5) / 100
    even = torch.cartesian_prod(axis, axis)
    ordered = (even @ directions(2, DIRECTIONS, even)).sort(0).values
    return ordered[((torch.arange(count) + 0.5) * (len(even) / count)).long()]


@cache
def nulls(count: int, dimensions: int) -> dict[str, float]:
    """Return what 95 % of sets of `count` true draws stay below; sets are drawn from fixed seeds."""
    levels = _uniforms(NULL_DRAWS, count * dimensions, 2).view(NULL_DRAWS, count, dimensions)
    uniforms = _uniforms(NULL_DRAWS, count * 2, 3).view(NULL_DRAWS, count, 2)
    pairs = min(PAIRS, count)
    pool = _normals(2 * pairs, dimensions, 4)
    bandwidth = _bandwidth(dimensions)
    sources = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
    drawn = {
        "z_ks_null_95": torch.stack([ks(u) for u in levels]),
        "z_energy_null_95": energy_null(pool, pairs, NULL_DRAWS, sources[0]),
        "z_mmd_null_95": mmd_null(pool, pairs, NULL_DRAWS, bandwidth, sources[1]),
        "x_ks_null_95": torch.stack([ks(u) for u in uniforms]),
        "x_occupancy_null_95": torch.stack([occupancy(u) for u in uniforms]),
        "x_sliced_null_95": torch.stack([sliced_w1(u) for u in uniforms[:SLICED_DRAWS]]),
    }
    return {name: float(values.quantile(0.95)) for name, values in drawn.items()}


@cache
def _bandwidth(dimensions: int) -> float:
    """Return the median distance between draws of N(0, I): one yardstick for all models."""
    return median_distance(_normals(1000, dimensions, 0))


def _normals(count: int, dimensions: int, seed: int) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=source, dtype=torch.float64)


def _uniforms(count: int, dimensions: int, seed: int) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.rand(count, dimensions, generator=source, dtype=torch.float64)
