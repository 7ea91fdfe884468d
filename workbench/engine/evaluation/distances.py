"""Distances between two sets of points, and what each comes to between two real sets."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# Elements of one block of the distance matrix (all members together): 64 MB in float64.
BLOCK_ELEMENTS = 2**23
BANDWIDTHS = (0.5, 1.0, 2.0)  # of the kernels, times the median distance


def _distance_sum(a: Tensor, b: Tensor, same: bool) -> Tensor:
    """Return the summed Euclidean distances [S] over all pairs of a [S, n, D] and b [S, m, D].

    With `same` the sets are one set, and the distance of a point from itself is exactly 0
    (rounding of the matrix product would leave about 1e-8 of it).
    """
    members, count, _ = a.shape
    rows = max(1, BLOCK_ELEMENTS // (members * b.shape[1]))
    b_squares = b.square().sum(-1).unsqueeze(1)
    total = torch.zeros(members, dtype=a.dtype, device=a.device)
    for start in range(0, count, rows):
        block = a[:, start : start + rows]
        squares = torch.baddbmm(
            b_squares + block.square().sum(-1, keepdim=True), block, b.transpose(1, 2), alpha=-2.0
        )
        distances = squares.clamp_(min=0.0).sqrt_()
        if same:
            distances.diagonal(offset=start, dim1=1, dim2=2).zero_()
        total += distances.sum((1, 2))
    return total


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased energy distance [S] of x [S, n, D] and y [S, m, D], n and m ≥ 2.

    2 E|X − Y| − E|X − X'| − E|Y − Y'| with pairs of distinct points (a U-statistic; Székely and
    Rizzo 2013, eq. 6.1). It is in data units, 0 in the mean for equal distributions, and therefore
    negative about half of the time: it is never clipped. Computed in float64, as the squared
    distances come from a matrix product and duplicates must stay at 0.
    """
    x, y = x.double(), y.double()
    centre = y.mean(1, keepdim=True)
    x, y = x - centre, y - centre
    n, m = x.shape[1], y.shape[1]
    cross = _distance_sum(x, y, same=False) / (n * m)
    within_x = _distance_sum(x, x, same=True) / (n * (n - 1))
    within_y = _distance_sum(y, y, same=True) / (m * (m - 1))
    return 2 * cross - within_x - within_y


def energy_null(pool: Tensor, n: int, draws: int, generator: torch.Generator) -> Tensor:
    """Return the energy distance [draws] between n rows of the pool [N, D] and the other N − n.

    The pool holds real examples only. Each distance is computed once for all draws, which only
    re-split the pool at random; blocks of rows keep the memory within bounds.
    """
    pool = pool.double()
    pool = pool - pool.mean(0)
    squares = pool.square().sum(-1)

    def distances(part: slice) -> Tensor:
        found = torch.addmm(squares + squares[part, None], pool[part], pool.T, alpha=-2.0)
        return found.clamp_(min=0.0).sqrt_()

    return _resplit(distances, len(pool), n, draws, generator, pool)


def _resplit(
    pairs: Callable[[slice], Tensor],
    total: int,
    n: int,
    draws: int,
    generator: torch.Generator,
    like: Tensor,
) -> Tensor:
    """Return 2 E[cross] − E[within] − E[within] [draws] of `total` points split at random at n.

    `pairs` gives rows of the symmetric matrix of all pairs, whose diagonal is left out.
    """
    m = total - n
    first = torch.zeros(draws, total, dtype=like.dtype, device=like.device)
    for row in first:
        row[torch.randperm(total, generator=generator, device=generator.device)[:n].to(row.device)] = 1.0
    second = 1.0 - first
    cross, within_first, within_second = torch.zeros(3, draws, dtype=like.dtype, device=like.device)
    rows = max(1, BLOCK_ELEMENTS // total)
    for start in range(0, total, rows):
        part = slice(start, start + rows)
        block = pairs(part)
        block.diagonal(offset=start).zero_()
        to_first, to_second = first @ block.T, second @ block.T
        cross += (to_first * second[:, part]).sum(1)
        within_first += (to_first * first[:, part]).sum(1)
        within_second += (to_second * second[:, part]).sum(1)
    return 2 * cross / (n * m) - within_first / (n * (n - 1)) - within_second / (m * (m - 1))


def median_distance(points: Tensor) -> float:
    """Return the median Euclidean distance between distinct rows of points [N, D]."""
    return float(torch.pdist(points.double()).median())


def _kernels(a: Tensor, b: Tensor, bandwidth: float) -> Tensor:
    """Return the mean Gaussian kernel of widths bandwidth × {½, 1, 2} of all pairs, [n, m]."""
    squares = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
    total = torch.zeros_like(squares)
    for factor in BANDWIDTHS:
        total += torch.exp(squares / (-2 * (factor * bandwidth) ** 2))
    return total / len(BANDWIDTHS)


def _kernel_sum(a: Tensor, b: Tensor, bandwidth: float) -> Tensor:
    """Return the sum of `_kernels` over all pairs, a block of rows at a time."""
    rows = max(1, BLOCK_ELEMENTS // len(b))
    return torch.stack([_kernels(part, b, bandwidth).sum() for part in a.split(rows)]).sum()


def mmd(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """Return the unbiased squared maximum mean discrepancy [S] of x [S, n, D] and y [S, m, D].

    Of the mean of three Gaussian kernels (Gretton et al. 2012, eq. 3). About 0 for equal distributions, and
    then negative half of the time: it is never clipped. The bandwidth should come from real data
    alone (`median_distance`), so that one yardstick serves all models.
    """
    found = []
    for a, b in zip(x.double(), y.double(), strict=True):
        n, m = len(a), len(b)
        within_a = (_kernel_sum(a, a, bandwidth) - n) / (n * (n - 1))
        within_b = (_kernel_sum(b, b, bandwidth) - m) / (m * (m - 1))
        found.append(within_a + within_b - 2 * _kernel_sum(a, b, bandwidth) / (n * m))
    return torch.stack(found)


def mmd_null(pool: Tensor, n: int, draws: int, bandwidth: float, generator: torch.Generator) -> Tensor:
    """Return the squared MMD [draws] between n rows of the pool [N, D] and the others, re-split at random."""
    pool = pool.double()
    return -_resplit(lambda part: _kernels(pool[part], pool, bandwidth), len(pool), n, draws, generator, pool)


def directions(dimensions: int, count: int, like: Tensor) -> Tensor:
    """Return `count` random unit vectors [D, count], always the same ones: one yardstick for all models."""
    drawn = torch.randn(dimensions, count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (drawn / drawn.norm(dim=0)).to(like.device)


def sliced_w2(x: Tensor, y: Tensor, projections: int = 256) -> Tensor:
    """Return the sliced Wasserstein-2 distance [S] of x and y [S, n, D], in data units.

    The root of the mean, over random directions, of the squared 1-d distances, which sorting gives exactly
    (Bonneel et al. 2015). Positive for two finite sets even of one distribution: see its null.
    """
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"sliced W2 needs sets of one size, not {x.shape[1]} and {y.shape[1]}")
    axes = directions(x.shape[-1], projections, x)
    found = [
        ((a @ axes).sort(0).values - (b @ axes).sort(0).values).square().mean().sqrt()
        for a, b in zip(x.double(), y.double(), strict=True)
    ]
    return torch.stack(found)


def frechet(x: Tensor, y: Tensor) -> Tensor:
    """Return the Fréchet distance [S] between Gaussians fitted to x [S, n, D] and y [S, m, D].

    ‖m₁ − m₂‖² + tr(C₁ + C₂ − 2 (C₁C₂)^½), in squared units of the features. It grows as n falls, so that only
    values of one n compare. On features other than those of the Inception network it is not an FID.
    """
    found = []
    for a, b in zip(x.double(), y.double(), strict=True):
        first, second = torch.atleast_2d(a.T.cov()), torch.atleast_2d(b.T.cov())
        values, vectors = torch.linalg.eigh(first)
        root = vectors * values.clamp(min=0).sqrt() @ vectors.T
        # C₁C₂ has the eigenvalues of the symmetric C₁^½ C₂ C₁^½
        overlap = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
        shift = (a.mean(0) - b.mean(0)).square().sum()
        found.append(shift + first.trace() + second.trace() - 2 * overlap)
    return torch.stack(found)


def split_null(
    pool: Tensor, draws: int, distance: Callable[[Tensor, Tensor], Tensor], generator: torch.Generator
) -> Tensor:
    """Return `distance` [draws] between the halves of the pool [2n, D], re-split at random each time."""
    half = len(pool) // 2
    found = []
    for _ in range(draws):
        order = torch.randperm(len(pool), generator=generator).to(pool.device)
        found.append(distance(pool[order[:half]].unsqueeze(0), pool[order[half : 2 * half]].unsqueeze(0)))
    return torch.cat(found)
