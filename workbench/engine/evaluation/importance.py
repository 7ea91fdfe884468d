"""Importance-weighted estimates of log p(x), and the one choice of a proposal for all of them.

A family whose q(z|x) has a density gives its own proposal (`LatentModel.own_proposal`, or the Gaussian of
`LatentModel.proposal`). To the draws of any other encoder a Gaussian is fitted, by draws per dimension: with
full covariance, or with one that is shrunk towards its diagonal.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workbench.engine.gaussians import LOG_2PI
from workbench.engine.model import LatentModel, Proposal
from workbench.engine.streams import Streams

# Rows × widest layer that one call of log_joint may see, all members together (128 MB in float32).
BLOCK_ELEMENTS = 2**23
# No layer is known here; images are widened to at least this many numbers per row.
ASSUMED_WIDTH = 256
FIT_DRAWS = 200  # encoder draws that a Gaussian is fitted to
POOR = 4.0  # effective draws below which weights rest on a few of them
FEWEST = 16  # draws that can show this
POOR_PROPOSAL = "The proposal is poor: log p(x) may be nats above this. Try --metric ais."


def choose_proposal(model: LatentModel, x: Tensor, streams: Streams) -> Proposal | None:
    """Return what importance sampling draws latents of x [S, B, D] from, or None if the model has nothing."""
    own = model.own_proposal(x)
    if own is not None:
        return own
    draws = model.encoder_draws(x, FIT_DRAWS, streams)
    fitted = model.proposal(x, streams) if draws is None else fitted_gaussian(draws)
    return None if fitted is None else gaussian(*fitted)


def gaussian(mean: Tensor, scale: Tensor) -> Proposal:
    """Return N(mean, scale scaleᵀ) as a proposal.

    mean [S, B, d]; scale is a standard deviation [S, B, d] or a lower-triangular factor [S, B, d, d].
    """
    full = scale.dim() == 4
    log_det = (scale.diagonal(dim1=-2, dim2=-1).abs() if full else scale).log().sum(-1)
    constant = log_det + 0.5 * mean.shape[-1] * LOG_2PI

    def draw(noise: Tensor, piece: slice) -> tuple[Tensor, Tensor]:
        own = scale[:, None, piece]
        shift = (own @ noise.unsqueeze(-1)).squeeze(-1) if full else own * noise
        return mean[:, None, piece] + shift, -0.5 * noise.square().sum(-1) - constant[:, None, piece]

    return draw


def fitted_gaussian(draws: Tensor, inflation: float | None = None) -> tuple[Tensor, Tensor]:
    """Fit N(m, inflation² C) to draws [K, S, B, d] of an encoder without a density.

    The inflation guards against a proposal narrower than the posterior, whose weights have no variance.

    Returns the mean [S, B, d] and a lower-triangular factor [S, B, d, d]. C and the inflation follow from
    the draws per dimension: from 25 on the sample covariance and 1.2; from 4 on `corrected` and 1.15; below
    `shrunk` and 1 + 0.35/√d, whose cost in nats does not grow with d. A jitter of 1e-6 of the mean variance
    keeps a collapsed direction factorisable (models.md §6).
    """
    count, *_, latent = draws.shape
    mean = draws.mean(0)
    centred = (draws - mean).permute(1, 2, 0, 3)
    covariance = centred.mT @ centred / (count - 1)
    usual = 1.2
    if count < 4 * latent:
        covariance, usual = shrunk(covariance, centred), 1 + 0.35 / math.sqrt(latent)
    elif count < 25 * latent:
        covariance, usual = corrected(covariance, count), 1.15
    jitter = 1e-6 * covariance.diagonal(dim1=-2, dim2=-1).mean(-1) + 1e-8
    eye = torch.eye(latent, dtype=draws.dtype, device=draws.device)
    factor, _ = torch.linalg.cholesky_ex(covariance + jitter[..., None, None] * eye)
    return mean, (inflation or usual) * factor


def corrected(covariance: Tensor, count: int) -> Tensor:
    """Return a sample covariance [..., d, d] of `count` > d draws without most of its spread of eigenvalues.

    The eigenvalues l₁ > l₂ > … of the correlations become l_i K/(K + d + 1 − 2i), which is minimax in
    Stein's loss, the divergence between Gaussians (Dey and Srinivasan 1985).
    """
    latent = covariance.shape[-1]
    spread = covariance.diagonal(dim1=-2, dim2=-1).sqrt().clamp_min(1e-12)
    scales = spread.unsqueeze(-1) * spread.unsqueeze(-2)
    values, vectors = torch.linalg.eigh(covariance / scales)
    rank = torch.arange(latent, 0, -1, dtype=values.dtype, device=values.device)  # eigh's values ascend
    values = values.clamp_min(0) * count / (count + latent + 1 - 2 * rank)
    return (vectors * values.unsqueeze(-2)) @ vectors.mT * scales


def shrunk(covariance: Tensor, centred: Tensor) -> Tensor:
    """Return a sample covariance [..., d, d] moved towards its diagonal by a share λ/(2 − λ).

    centred [..., K, d] are the draws without their mean. λ is best in squared error of the correlations
    (Schäfer and Strimmer 2005, §2.4). Weights suffer more from errors of small eigenvalues, which real
    correlations leave with a small λ: half of it is then taken, and all of it where there are none.
    """
    count, latent = centred.shape[-2:]
    z = centred / covariance.diagonal(dim1=-2, dim2=-1).sqrt().clamp_min(1e-12).unsqueeze(-2)
    products, squares = z.mT @ z / count, z.square()
    variance = (squares.mT @ squares / count - products.square()) / count
    off = 1 - torch.eye(latent, dtype=z.dtype, device=z.device)
    most = (variance * off).sum((-2, -1)) / (products.square() * off).sum((-2, -1)).clamp_min(1e-12)
    most = most.clamp(0, 1)[..., None, None]
    return covariance * (1 - off * most / (2 - most))


def importance_weighted(
    model: LatentModel, x: Tensor, proposal: Proposal, draws: int, streams: Streams
) -> tuple[Tensor, Tensor]:
    """Return log (1/k) Σ p(x, z_j) / q(z_j) and the effective number of its weights, [S, B] in float64.

    x [S, B, D]; z_j ~ q for j = 1 … k = draws. In expectation a lower bound on log p(x) that rises with k
    (Burda, Grosse and Salakhutdinov 2016, eq. 8). The effective number is (Σ w)²/Σ w². Noise comes one
    draw at a time for all images, so the result does not depend on how the work is cut into blocks.
    """
    members, images, _ = x.shape
    width = max(x.shape[-1], ASSUMED_WIDTH)
    rows = max(1, BLOCK_ELEMENTS // (members * width))
    part = min(images, rows)  # images per block
    group = max(1, min(draws, rows // part))  # draws per block
    total = torch.full((members, images), -torch.inf, dtype=torch.float64, device=x.device)
    squares = total.clone()
    for first in range(0, draws, group):
        size = min(group, draws - first)
        noise = torch.stack([streams.normal("importance", images, model.latent) for _ in range(size)], 1)
        for start in range(0, images, part):
            piece = slice(start, start + part)
            z, log_q = proposal(noise[:, :, piece], piece)  # [S, size, b, d], [S, size, b]
            repeated = x[:, None, piece].expand(-1, size, -1, -1).flatten(1, 2)
            log_joint = model.log_joint(repeated, z.flatten(1, 2))
            assert log_joint is not None, "asked for log p(x) of a model without log_joint"
            log_weights = log_joint.view_as(log_q).double() - log_q.double()
            total[:, piece] = torch.logaddexp(total[:, piece], log_weights.logsumexp(1))
            squares[:, piece] = torch.logaddexp(squares[:, piece], (2 * log_weights).logsumexp(1))
    return total - math.log(draws), (2 * total - squares).exp()


def log_evidence(
    model: LatentModel, x: Tensor, mean: Tensor, scale: Tensor, draws: int, streams: Streams
) -> Tensor:
    """Return the estimate [S, B] of `importance_weighted` with the proposal `gaussian(mean, scale)`."""
    return importance_weighted(model, x, gaussian(mean, scale), draws, streams)[0]


def poor(effective: float, draws: int) -> bool:
    """Whether a mean effective number of `draws` weights says that the proposal misses the posterior."""
    return draws >= FEWEST and not effective >= POOR
