"""Exact log p(x) of a model with one or two latent dimensions, by integrating over a grid."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workbench.engine.model import LatentModel

# |z| beyond 6 holds 4e-9 of the prior's mass.
EXTENT = 6.0
# Rows of one call of log_joint, all members together.
BLOCK_ROWS = 2**16


def grid(points: int, extent: float = EXTENT, **options: torch.device | torch.dtype) -> tuple[Tensor, float]:
    """Return the midpoints [points², 2] of a square grid over [−extent, extent]² and a cell's area."""
    side = 2 * extent / points
    axis = (torch.arange(points, **options) + 0.5) * side - extent  # type: ignore[call-overload]
    return torch.cartesian_prod(axis, axis), side * side


def _nodes(model: LatentModel, points: int, like: Tensor) -> tuple[Tensor, float]:
    """Return the nodes [N, d] of a model's latent grid and the volume of a cell."""
    if model.latent == 1:
        side = 2 * EXTENT / points
        cells = torch.arange(points, device=like.device, dtype=like.dtype)
        return ((cells + 0.5) * side - EXTENT).unsqueeze(1), side
    if model.latent != 2:
        raise ValueError(f"quadrature needs 1 or 2 latent dimensions, this model has {model.latent}")
    return grid(points, device=like.device, dtype=like.dtype)


def log_px(model: LatentModel, x: Tensor, points: int = 200) -> Tensor:
    """Return log ∫ exp(log_joint(x, z)) dz [S, K] in float64 for x [S, K, D]; latent is 1 or 2.

    The midpoint rule on `points` cells per dimension of [−6, 6]; it is exponentially accurate for smooth
    integrands that vanish at the border. 200 points are steps of 0.06 prior standard deviations.
    Where the model is not normalised, its log Z is still to be taken off.

    Raises:
        ValueError: for a model with more latent dimensions.
    """
    nodes, area = _nodes(model, points, x)
    members, codes, _ = x.shape
    size = max(1, BLOCK_ROWS // (members * codes))
    total = torch.full((members, codes), -torch.inf, dtype=torch.float64, device=x.device)
    for start in range(0, len(nodes), size):
        block = nodes[start : start + size]
        z = block.expand(members, codes, -1, -1).flatten(1, 2)
        repeated = x[:, :, None].expand(-1, -1, len(block), -1).flatten(1, 2)
        log_joint = model.log_joint(repeated, z)
        assert log_joint is not None, "asked for log p(x) of a model without log_joint"
        values = log_joint.view(members, codes, len(block)).double()
        total = torch.logaddexp(total, values.logsumexp(-1))
    return total + math.log(area)


def log_z(model: LatentModel, like: Tensor, points: int = 2000) -> Tensor:
    """Return log Z [S] of a prior in one or two dimensions whose density is exp(log_prior) / Z."""
    nodes, area = _nodes(model, points, like)
    total = torch.full((model.members,), -torch.inf, dtype=torch.float64, device=like.device)
    for block in nodes.split(BLOCK_ROWS // model.members):
        log_prior = model.log_prior(block.expand(model.members, -1, -1))
        assert log_prior is not None, "asked for log Z of a model without log_prior"
        total = torch.logaddexp(total, log_prior.double().logsumexp(-1))
    return total + math.log(area)
