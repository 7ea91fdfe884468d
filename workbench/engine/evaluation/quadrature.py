"""log p(x) of a model with one or two latent dimensions, by integrating over a grid that adapts."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from workbench.engine.model import LatentModel

EXTENT = 6.0  # |z| beyond 6 holds 4e-9 of a normal prior's mass
BLOCK_ROWS = 2**16  # rows of one call of log_joint, all members together
SETTLED = 1e-3  # nats by which a grid may differ from that with half the points
SPACING = 0.75  # largest cell, in standard deviations of the mass: the midpoint rule is then off by < 1e-7
EDGE = 1e-6  # share of the mass in the outermost cells, above which the box is too small
REACH = 14.0  # standard deviations to the border of a refined box; what is beyond is < 1/14² by Chebyshev
SHRINKS = 0.7  # share of its volume to which a box must shrink to be worth it; else the cells are halved
ROUNDS = 8  # refinements; each shrinks a box up to 50 times, doubles it, or halves the cells
FINEST = 4  # times the points asked for, at most
MOST_POINTS = 2000  # per dimension, of the grid of a prior

LogDensity = Callable[[Tensor], Tensor]  # z [S, K, N, d] → [S, K, N]


def nodes(points: int, latent: int, like: Tensor) -> Tensor:
    """Return the midpoints [points^d, d] of a grid over [−6, 6]^d, d = 1 or 2.

    Raises:
        ValueError: for more latent dimensions.
    """
    if latent not in (1, 2):
        raise ValueError(f"quadrature needs 1 or 2 latent dimensions, this model has {latent}")
    side = 2 * EXTENT / points
    axis = (torch.arange(points, device=like.device, dtype=like.dtype) + 0.5) * side - EXTENT
    return axis.unsqueeze(1) if latent == 1 else torch.cartesian_prod(axis, axis)


class Mass:
    """The mass of K densities of S members in boxes of their own, by the midpoint rule.

    A box is centre + [−6, 6]^d Lᵀ with centre [S, K, d] and L [S, K, d, d]. `log_mass` [S, K] in float64;
    `mean` [S, K, d] and `covariance` [S, K, d, d] of the mass in units of the box; `edge` [S, K], the share
    of the mass in the outermost cells.
    """

    def __init__(self, log_density: LogDensity, centre: Tensor, factor: Tensor, points: int) -> None:
        members, count, latent = centre.shape
        grid = nodes(points, latent, centre)
        self.side = 2 * EXTENT / points
        border = (grid.abs().amax(1) > EXTENT - self.side).double().unsqueeze(1)
        wide = grid.double()
        # what is averaged over the mass: the mean, all products, the outermost cells
        columns = torch.cat([wide, (wide.unsqueeze(2) * wide.unsqueeze(1)).flatten(1), border], 1)
        total = torch.full((members, count), -torch.inf, dtype=torch.float64, device=centre.device)
        sums = torch.zeros(members, count, columns.shape[1], dtype=torch.float64, device=centre.device)
        size = max(1, BLOCK_ROWS // (members * count))
        for block, part in zip(grid.split(size), columns.split(size), strict=True):
            values = log_density(centre.unsqueeze(2) + block @ factor.mT).double()
            before, total = total, torch.logaddexp(total, values.logsumexp(-1))
            safe = total.clamp_min(-1e300).unsqueeze(-1)  # no mass so far
            sums = sums * (before.unsqueeze(-1) - safe).exp() + (values - safe).exp() @ part
        self.mean, products, edge = sums.split([latent, latent * latent, 1], -1)
        self.covariance = products.unflatten(-1, (latent, latent)) - self.mean.unsqueeze(
            -1
        ) * self.mean.unsqueeze(-2)
        self.edge = edge.squeeze(-1)
        volume = factor.double().diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)  # L is triangular
        self.log_mass = total + volume + latent * math.log(self.side)

    def resolved(self) -> Tensor:
        """Return [S, K] where the mass lies within the box and is wider than its cells."""
        spread = self.covariance.diagonal(dim1=-2, dim2=-1).clamp_min(0).sqrt().amin(-1)
        return (self.edge < EDGE) & (spread * SPACING >= self.side)


def integral(
    log_density: Callable[[Tensor, Tensor], Tensor],
    members: int,
    count: int,
    latent: int,
    points: int,
    like: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return log ∫ exp(log_density(columns, z)) dz of K densities, and its error, [S, K] in float64.

    log_density takes which c of the K densities are meant, and z [S, c, N, d]. Every density starts with
    `points` cells per dimension of [−6, 6]^d, twice: with all of them and with half of them. Where the two
    differ, or the mass is narrower than the cells, the box moves to where the mass is; where mass lies at the
    border, it doubles; where neither helps, the cells are halved, twice at most. The error is 0 where the
    two agree, else their difference.
    """
    most = FINEST * points
    centre = torch.zeros(members, count, latent, dtype=like.dtype, device=like.device)
    factor = torch.eye(latent, dtype=like.dtype, device=like.device).repeat(members, count, 1, 1)
    values = torch.zeros(members, count, dtype=torch.float64, device=like.device)
    errors = torch.full_like(values, torch.inf)
    for _ in range(ROUNDS):
        left = (errors > 0).any(0).nonzero().flatten()
        if len(left) == 0:
            break
        box = centre[:, left], factor[:, left]
        of_left = partial(log_density, left)
        fine, coarse = (Mass(of_left, *box, number) for number in (points, points // 2))
        difference = (fine.log_mass - coarse.log_mass).abs()
        found = torch.where((difference < SETTLED) & fine.resolved(), 0.0, difference.clamp_min(SETTLED))
        open_ = errors[:, left] > 0
        values[:, left] = torch.where(open_, fine.log_mass, values[:, left])
        errors[:, left] = torch.where(open_, found, errors[:, left])
        centre[:, left], factor[:, left] = _next_box(fine, *box)
        moved = (factor[:, left] != box[1]).flatten(2).any(-1) & (errors[:, left] > 0)
        if not bool(moved.any()):
            if 2 * points > most:
                break
            points *= 2
    return values, errors.nan_to_num(nan=torch.inf)


def _next_box(mass: Mass, centre: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """Return the box to look at next: twice as large, 14 standard deviations around the mass, or the same."""
    latent = centre.shape[-1]
    eye = torch.eye(latent, dtype=torch.float64, device=centre.device)
    covariance = (mass.covariance + (3 * mass.side / REACH) ** 2 * eye).nan_to_num(nan=0.0)
    shape, failed = torch.linalg.cholesky_ex(covariance)
    closer = factor.double() @ shape * (REACH / EXTENT)
    shifted = centre.double() + (factor.double() @ mass.mean.unsqueeze(-1)).squeeze(-1)
    grow = ((mass.edge >= EDGE) | (failed > 0))[..., None, None]
    volumes = [part.diagonal(dim1=-2, dim2=-1).prod(-1).abs() for part in (closer, factor.double())]
    shrinks = (volumes[0] < SHRINKS * volumes[1])[..., None, None] & ~grow
    factor = torch.where(shrinks, closer, torch.where(grow, 2.0, 1.0) * factor.double()).to(factor.dtype)
    return torch.where(shrinks.squeeze(-1), shifted, centre.double()).to(centre.dtype), factor


def log_px(model: LatentModel, x: Tensor, points: int = 200) -> tuple[Tensor, Tensor]:
    """Return log ∫ exp(log_joint(x, z)) dz and its error [S, K] in float64 for x [S, K, D]; latent is 1 or 2.

    An error of 0 means that two grids agree within 1e-3 nats. Where the model is not normalised, its
    log Z is still to be subtracted.

    Raises:
        ValueError: for a model with more latent dimensions.
    """

    def log_density(columns: Tensor, z: Tensor) -> Tensor:
        repeated = x[:, columns, None].expand(-1, -1, z.shape[2], -1).flatten(1, 2)
        log_joint = model.log_joint(repeated, z.flatten(1, 2))
        assert log_joint is not None, "asked for log p(x) of a model without log_joint"
        return log_joint.view(z.shape[:-1])

    return integral(log_density, x.shape[0], x.shape[1], model.latent, points, x)


def log_z(model: LatentModel, like: Tensor, points: int = 500) -> tuple[Tensor, Tensor]:
    """Return log Z and its error [S] of a prior in one or two dimensions with density exp(log_prior) / Z.

    The box doubles, with cells of one size, until log Z changes by less than 1e-3: an energy may move mass
    far out. The error is 0 then, else the last change.
    """

    def log_density(z: Tensor) -> Tensor:
        log_prior = model.log_prior(z.flatten(1, 2))
        assert log_prior is not None, "asked for log Z of a model without log_prior"
        return log_prior.view(z.shape[:-1])

    centre = torch.zeros(model.members, 1, model.latent, dtype=like.dtype, device=like.device)
    factor = torch.eye(model.latent, dtype=like.dtype, device=like.device).repeat(model.members, 1, 1, 1)
    before = Mass(log_density, centre, factor, points).log_mass
    for _ in range(ROUNDS):
        points, factor = min(MOST_POINTS, 2 * points), 2 * factor
        value = Mass(log_density, centre, factor, points).log_mass
        change = (value - before).abs()
        if bool((change < SETTLED).all()):
            break
        before = value
    error = torch.where(change < SETTLED, 0.0, change)
    return value.squeeze(1), error.squeeze(1).nan_to_num(nan=torch.inf)
