"""Standard errors of a distance between samples and test data, by a jackknife over both.

The distance reported is a mean over T sets of samples, each against examples of one test set. Samples are
independent between sets; a test example that several sets share adds its share of noise once. Where the two
distributions agree, a jackknife counts the part of the variance that is due to pairs of points twice:
it is estimated, and subtracted once (Efron and Stein 1981, §5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

GROUPS = 10  # of points that are left out at once, where a distance is no sum over pairs


@dataclass(frozen=True)
class Pairs:
    """Sums over all pairs of two sets (or of distinct points of one) of h(a, b), for S members.

    rows [S, n] and columns [S, m] hold the mean over the other set for every point; squares [S] is Σ h².
    """

    rows: Tensor
    columns: Tensor
    squares: Tensor


@dataclass(frozen=True)
class PairDistance:
    """2 E h(X, Y) − E h(X, X') − E h(Y, Y') and what its error is made of."""

    value: Tensor  # [S]
    without_x: Tensor  # [S, n]: what leaving a sample out adds to the value
    without_y: Tensor  # [S, m]: the same of a test example
    sampled: Tensor  # [S]: variance due to pairs with a sample in them
    real: Tensor  # [S]: variance due to pairs of test examples


def pair_distance(xx: Pairs, xy: Pairs, yy: Pairs) -> PairDistance:
    """Return the distance, unbiased, that pairs within x [n], between x and y [m], and within y make up."""
    n, m = xy.rows.shape[1], xy.columns.shape[1]
    cross, within_x, within_y = (pairs.rows.mean(1, keepdim=True) for pairs in (xy, xx, yy))
    cross_squares = xy.squares - m * xy.rows.square().sum(1) - n * xy.columns.square().sum(1)
    cross_squares = cross_squares + n * m * cross.square().squeeze(1)
    between = 4 * cross_squares / (n * m * max(1, (n - 1) * (m - 1)))
    value = 2 * cross - within_x - within_y
    return PairDistance(
        value.squeeze(1),
        2 * (cross - xy.rows) / (n - 1) - 2 * (within_x - xx.rows) / max(1, n - 2),
        2 * (cross - xy.columns) / (m - 1) - 2 * (within_y - yy.rows) / max(1, m - 2),
        between + _due_to_pairs(xx, within_x.squeeze(1)),
        _due_to_pairs(yy, within_y.squeeze(1)),
    )


def _due_to_pairs(pairs: Pairs, mean: Tensor) -> Tensor:
    """Return the variance [S] of a mean over distinct pairs of one set that no single point accounts for."""
    n = pairs.rows.shape[1]
    squares = pairs.squares - 2 * n * pairs.rows.square().sum(1) + n * (n + 1) * mean.square()
    return 2 * squares / (n * (n - 1) * max(1, n * (n - 3)))


def pair_error(found: Sequence[PairDistance], index: Sequence[Tensor], size: int) -> Tensor:
    """Return the standard error [S] of the mean of T distances.

    index holds which of the `size` test examples [S, m] each of them was measured against.
    """
    sets, m = len(found), index[0].shape[1]
    of_examples = found[0].value.new_zeros(len(found[0].value), size)
    for one, chosen in zip(found, index, strict=True):
        of_examples.scatter_add_(1, chosen, one.without_y / sets)
    sampled = torch.stack([one.sampled for one in found]).sum(0) / sets**2
    # the share of pairs of test examples that sets have in common
    overlap = (1 + (sets - 1) * (m / size) ** 2) / sets
    pairs = sampled + overlap * torch.stack([one.real for one in found]).mean(0)
    single = torch.stack([one.without_x.square().sum(1) for one in found]).sum(0) / sets**2
    n = found[0].without_x.shape[1]
    variance = (n - 1) / n * single + (m - 1) / m * of_examples.square().sum(1)
    return torch.maximum(variance - pairs, 0.5 * pairs).sqrt()


def grouped_error(
    distance: Callable[[Tensor, Tensor], Tensor],
    samples: Sequence[Tensor],
    real: Sequence[Tensor],
    index: Sequence[Tensor],
) -> Tensor:
    """Return the standard error [S] of the mean of distance(x, y) over T pairs of sets [S, n, D].

    Test examples fall into 10 groups by their index [S, n]. A group and as many samples are left out
    together, which keeps the sets at equal sizes; then all pairs of groups.
    """

    def without(*groups: int) -> Tensor:
        values = []
        for x, y, chosen in zip(samples, real, index, strict=True):
            members = []
            for own_x, own_y, own in zip(x, y, chosen, strict=True):
                keep = ~torch.isin(own % GROUPS, own.new_tensor(groups))
                members.append(distance(own_x[keep][None], own_y[keep][None]))
            values.append(torch.cat(members))
        return torch.stack(values).mean(0)

    whole = without()
    single = torch.stack([without(group) for group in range(GROUPS)])
    found = []
    for first, second in combinations(range(GROUPS), 2):
        both = without(first, second)
        found.append(GROUPS * whole - (GROUPS - 1) * (single[first] + single[second]) + (GROUPS - 2) * both)
    pairs = (torch.stack(found) - torch.stack(found).mean(0)).square().sum(0) / (GROUPS * (GROUPS - 1))
    variance = (GROUPS - 1) / GROUPS * (single - single.mean(0)).square().sum(0)
    return torch.maximum(variance - pairs, 0.25 * variance).sqrt()
