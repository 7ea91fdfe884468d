"""Distances between two sets of points, and what each comes to between two real sets."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from workbench.engine.evaluation.jackknife import PairDistance, Pairs, pair_distance

# Elements of one block of the distance matrix (all members together): 64 MB in float64.
BLOCK_ELEMENTS = 2**23
BANDWIDTHS = (0.5, 1.0, 2.0)  # of the kernels, times the median distance


def _pairs(a: Tensor, b: Tensor, h: Callable[[Tensor, Tensor], Tensor], same: bool) -> Pairs:
    """Return the sums of h over all pairs of a [S, n, D] and b [S, m, D], a block of rows at a time.

    With `same` the sets are one set, and no point pairs with itself.
    """
    members, n, _ = a.shape
    m = b.shape[1]
    size = max(1, BLOCK_ELEMENTS // (members * m))
    rows, columns, squares = [], a.new_zeros(members, m), a.new_zeros(members)
    for start in range(0, n, size):
        block = h(a[:, start : start + size], b)
        if same:
            block.diagonal(offset=start, dim1=1, dim2=2).zero_()
        rows.append(block.sum(2))
        columns += block.sum(1)
        squares += block.square().sum((1, 2))
    off = int(same)
    return Pairs(torch.cat(rows, 1) / (m - off), columns / (n - off), squares)


def _euclidean(a: Tensor, b: Tensor) -> Tensor:
    """Return the distances [S, n, m] of a [S, n, D] and b [S, m, D]."""
    squares = a.square().sum(-1, keepdim=True) + b.square().sum(-1).unsqueeze(1)
    return torch.baddbmm(squares, a, b.transpose(1, 2), alpha=-2.0).clamp_(min=0.0).sqrt_()


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased energy distance [S] of x [S, n, D] and y [S, m, D], n and m ≥ 2.

    2 E|X − Y| − E|X − X'| − E|Y − Y'| with pairs of distinct points (a U-statistic; Székely and
    Rizzo 2013, eq. 6.1). It is in data units, 0 in the mean for equal distributions, and therefore
    negative about half of the time: it is never clipped. Computed in float64, as the squared
    distances come from a matrix product and duplicates must stay at 0.
    """
    return energy_parts(x, y).value


def energy_parts(x: Tensor, y: Tensor) -> PairDistance:
    """Return the energy distance of `energy_distance` with what its standard error is made of."""
    x, y = x.double(), y.double()
    centre = y.mean(1, keepdim=True)
    x, y = x - centre, y - centre
    return pair_distance(
        _pairs(x, x, _euclidean, True), _pairs(x, y, _euclidean, False), _pairs(y, y, _euclidean, True)
    )


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


def mmd(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """Return the unbiased squared maximum mean discrepancy [S] of x [S, n, D] and y [S, m, D].

    Of the mean of three Gaussian kernels (Gretton et al. 2012, eq. 3). About 0 for equal distributions, and
    then negative half of the time: it is never clipped. The bandwidth should come from real data
    alone (`median_distance`), so that one yardstick serves all models.
    """
    return mmd_parts(x, y, bandwidth).value


def mmd_parts(x: Tensor, y: Tensor, bandwidth: float) -> PairDistance:
    """Return the squared MMD of `mmd` with what its standard error is made of."""

    def h(a: Tensor, b: Tensor) -> Tensor:
        return -torch.stack([_kernels(own_a, own_b, bandwidth) for own_a, own_b in zip(a, b, strict=True)])

    x, y = x.double(), y.double()
    return pair_distance(_pairs(x, x, h, True), _pairs(x, y, h, False), _pairs(y, y, h, True))


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
