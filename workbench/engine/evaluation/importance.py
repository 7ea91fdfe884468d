"""Importance-weighted estimates of log p(x): IWAE-k with a model's own or a fitted Gaussian proposal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workbench.engine.model import LatentModel
from workbench.engine.streams import Streams

# Rows × widest layer that one call of log_joint may see, all members together (128 MB in float32).
BLOCK_ELEMENTS = 2**23
# No layer is known here; images are widened to at least this many numbers per row.
ASSUMED_WIDTH = 256


def fitted_gaussian(draws: Tensor, inflation: float = 1.2) -> tuple[Tensor, Tensor]:
    """Fit N(m, inflation² Cov) to draws [K, S, B, d] of an encoder without a density.

    Returns the mean [S, B, d] and a lower-triangular factor [S, B, d, d] of the inflated
    covariance. The inflation guards against a proposal narrower than the posterior; a jitter of
    1e-6 of the mean variance keeps a collapsed direction factorisable (models.md §6).
    """
    count, *_, latent = draws.shape
    mean = draws.mean(0)
    centred = (draws - mean).permute(1, 2, 0, 3)
    covariance = centred.transpose(-1, -2) @ centred / (count - 1)
    jitter = 1e-6 * covariance.diagonal(dim1=-2, dim2=-1).mean(-1) + 1e-8
    eye = torch.eye(latent, dtype=draws.dtype, device=draws.device)
    factor, _ = torch.linalg.cholesky_ex(covariance + jitter[..., None, None] * eye)
    return mean, inflation * factor


def log_evidence(
    model: LatentModel, x: Tensor, mean: Tensor, scale: Tensor, draws: int, streams: Streams
) -> Tensor:
    """Return log (1/k) Σ p(x, z_j) / q(z_j) [S, B] in float64, z_j ~ q = N(mean, scale scaleᵀ), k = draws.

    x [S, B, D]; mean [S, B, d]; scale is a standard deviation [S, B, d] or a lower-triangular
    factor [S, B, d, d]. In expectation a lower bound on log p(x) that rises with k (Burda,
    Grosse and Salakhutdinov 2016, eq. 8). Noise comes one draw at a time for all images, so the
    result does not depend on how the work is cut into blocks.
    """
    members, images, latent = mean.shape
    full = scale.dim() == 4
    log_det = (scale.diagonal(dim1=-2, dim2=-1).abs() if full else scale).log().sum(-1)
    width = max(x.shape[-1], ASSUMED_WIDTH)
    rows = max(1, BLOCK_ELEMENTS // (members * width))
    part = min(images, rows)  # images per block
    group = max(1, min(draws, rows // part))  # draws per block
    total = torch.full((members, images), -torch.inf, dtype=torch.float64, device=x.device)
    for first in range(0, draws, group):
        size = min(group, draws - first)
        noise = torch.stack([streams.normal("importance", images, latent) for _ in range(size)], 1)
        for start in range(0, images, part):
            piece = slice(start, start + part)
            e = noise[:, :, piece]  # [S, size, b, d]
            if full:
                shift = (scale[:, None, piece] @ e.unsqueeze(-1)).squeeze(-1)
            else:
                shift = scale[:, None, piece] * e
            z = mean[:, None, piece] + shift
            log_q = -0.5 * e.square().sum(-1) - log_det[:, None, piece] - 0.5 * latent * math.log(2 * math.pi)
            repeated = x[:, None, piece].expand(-1, size, -1, -1).flatten(1, 2)
            log_joint = model.log_joint(repeated, z.flatten(1, 2))
            assert log_joint is not None, "asked for log p(x) of a model without log_joint"
            log_weights = log_joint.view_as(log_q).double() - log_q.double()
            total[:, piece] = torch.logaddexp(total[:, piece], log_weights.logsumexp(1))
    return total - math.log(draws)
