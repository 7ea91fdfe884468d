"""How much of z depends on x, for a Gaussian q(z|x) and the prior N(0, I)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workbench.engine.evaluation.entry import entry
from workbench.engine.evaluation.task import Findings, Task

CHUNK = 500
BLOCK_ELEMENTS = 2**23  # of the draws × examples densities, all members together
ACTIVE = 0.01  # variance of a posterior mean (Burda et al. 2016)
CAP_MARGIN = 1.0  # nats: mutual information this close to log n may be cut off by it


def latents(task: Task) -> Findings:
    """Active units (Burda et al. 2016), rate and distortion (Alemi et al. 2018), and the rate's two parts.

    rate = I(x; z) + KL(q(z)‖p(z)), where q(z) is the mean of q(z|x) over the n examples (Hoffman and
    Johnson 2016). One draw of q(z|x) per example serves distortion and mutual information.

    Raises:
        WorkbenchError: if q(z|x) is not a Gaussian of known mean and spread, or the prior is not N(0, I).
    """
    mean, spread, z, distortion = _encoded(task)
    count, size = mean.shape[1:]
    per_dimension = 0.5 * (mean.square() + spread.square() - 1) - spread.log()
    rate = per_dimension.sum(-1)
    information = mutual_information(z, mean, spread)
    variance = mean.var(1)
    found = Findings()
    found.add("rate", rate)
    found.add("distortion", distortion)
    found.add("mutual_information", information)
    found.add("aggregated_kl", rate - information)
    found.add("kl_dimension", rate / size)
    active = (variance > ACTIVE).sum(-1).double()
    # a diverged member has no number of active units
    found.metrics["active_units"] = entry(active.where(variance.isfinite().all(-1), torch.nan), None, count)
    found.arrays = {
        "kl_per_dimension": per_dimension.mean(1).cpu().numpy(),
        "kl_per_dimension_se": (per_dimension.std(1) / count**0.5).cpu().numpy(),
        "mean_variance": variance.cpu().numpy(),
    }
    cap = math.log(count)
    capped = (information.mean(1) > cap - CAP_MARGIN).sum().item()
    if capped:
        found.notes.append(
            f"I(x; z) of {capped} of {len(mean)} seeds is at its cap log n = {cap:.2f} nats, or within "
            f"{CAP_MARGIN:g} of it: the true value may be larger, and KL(q(z)‖p(z)) smaller."
        )
    return found


def mutual_information(z: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Return log q(z_i|x_i) − log 1/n Σ_j q(z_i|x_j) [S, n] in nats for draws z_i of q(z|x_i).

    Its mean estimates I(x; z) for a uniform choice among the n examples, and is at most log n. All
    arguments are [S, n, d], in float64: squares are expanded, so that no [S, n, n, d] is stored.
    """
    members, count, _ = mean.shape
    precision = spread.square().reciprocal()
    constant = (-0.5 * mean.square() * precision - spread.log()).sum(-1).unsqueeze(1)
    weights = torch.cat([mean * precision, -0.5 * precision], -1).transpose(1, 2)
    own = (-0.5 * ((z - mean) / spread).square() - spread.log()).sum(-1)
    rows = max(1, BLOCK_ELEMENTS // (members * count))
    aggregated = []
    for start in range(0, count, rows):
        part = z[:, start : start + rows]
        block = torch.baddbmm(constant, torch.cat([part, part.square()], -1), weights)
        # without the rounding of expanded squares, so that log n is never exceeded
        block.diagonal(offset=start, dim1=1, dim2=2).copy_(own[:, start : start + rows])
        aggregated.append(block.logsumexp(-1))
    return own - torch.cat(aggregated, 1) + math.log(count)


def _encoded(task: Task) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return mean, spread and a draw of q(z|x) [S, n, d] and −log p(x|z) [S, n] at the draw, in float64."""
    model, streams = task.model, task.streams
    if model.latent == 0 or not model.continuous or not model.normalised:
        raise task.refuse("Latent diagnostics need real-valued latents with a normalised prior.")
    parts = []
    with torch.no_grad():
        for batch in task.data.chunks("test", streams, CHUNK, task.settings.images):
            gaussian = None
            if model.settings.explicit_posterior and model.encoder_draws(batch.x, 2, streams) is None:
                gaussian = model.proposal(batch.x, streams)
            if gaussian is None:
                raise task.refuse("Latent diagnostics need a Gaussian q(z|x), and this family has none.")
            mean, spread = gaussian
            z = mean + spread * streams.normal("latents", *mean.shape[1:])
            prior, joint = model.log_prior(z), model.log_joint(batch.x, z)
            standard = -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)
            if prior is None or joint is None or not torch.allclose(prior, standard, 1e-4, equal_nan=True):
                raise task.refuse("Latent diagnostics need the prior N(0, I), and this family has another.")
            parts.append((mean.double(), spread.double(), z.double(), (prior - joint).double()))
            task.on_progress(sum(part[0].shape[1] for part in parts) / (task.settings.images + 1))
    mean, spread, z, distortion = (torch.cat(column, 1) for column in zip(*parts, strict=True))
    return mean, spread, z, distortion
