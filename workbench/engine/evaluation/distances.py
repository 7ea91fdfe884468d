"""Energy distance between two sets of points, and what it comes to between two real sets."""

from __future__ import annotations

import torch
from torch import Tensor

# Elements of one block of the distance matrix (all members together): 64 MB in float64.
BLOCK_ELEMENTS = 2**23


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
    total = pool.shape[0]
    m = total - n
    first = torch.zeros(draws, total, dtype=pool.dtype, device=pool.device)
    for row in first:
        row[torch.randperm(total, generator=generator, device=generator.device)[:n].to(row.device)] = 1.0
    second = 1.0 - first
    squares = pool.square().sum(-1)
    cross, within_first, within_second = torch.zeros(3, draws, dtype=pool.dtype, device=pool.device)
    rows = max(1, BLOCK_ELEMENTS // total)
    for start in range(0, total, rows):
        part = slice(start, start + rows)
        distances = torch.addmm(squares + squares[part, None], pool[part], pool.T, alpha=-2.0)
        distances = distances.clamp_(min=0.0).sqrt_()
        distances.diagonal(offset=start).zero_()
        to_first, to_second = first @ distances.T, second @ distances.T
        cross += (to_first * second[:, part]).sum(1)
        within_first += (to_first * first[:, part]).sum(1)
        within_second += (to_second * second[:, part]).sum(1)
    return 2 * cross / (n * m) - within_first / (n * (n - 1)) - within_second / (m * (m - 1))
