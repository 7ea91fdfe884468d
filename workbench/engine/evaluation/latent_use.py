"""What the latents of a model with Gaussian q(z|x) and prior N(0, I) carry of x.

Rate R = E KL(q(z|x) ‖ p(z)) and distortion D = −E log p(x|z) add up to the NELBO (Alemi et al. 2018, "Fixing
a broken ELBO"). R = I(x; z) + KL(q(z) ‖ p(z)) with q(z) = 1/n Σ_j q(z|x_j) (Hoffman & Johnson 2016, "ELBO
surgery"). A dimension is active if its posterior mean varies (Burda et al. 2016, "Importance weighted
autoencoders").
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workbench.engine.evaluation.entry import entry
from workbench.engine.evaluation.evidence import needs_density
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.gaussians import gaussian_kls, log_standard_normal

CHUNK = 500
BLOCK_ELEMENTS = 2**22  # of pairs of a draw and a posterior
SHOWN = 12  # dimensions in a note


def latent_use(task: Task) -> Findings:
    """Measure what the latents of a model carry of its test examples.

    Raises:
        WorkbenchError: if q(z|x) is no Gaussian, or the prior is not N(0, I).
    """
    needs_density(task)
    means: list[Tensor] = []
    stds: list[Tensor] = []
    draws: list[Tensor] = []
    distortions: list[Tensor] = []
    with torch.no_grad():
        for batch in task.data.chunks("test", task.streams, CHUNK, task.settings.images):
            q = task.model.proposal(batch.x, task.streams)
            gaussian = task.model.own_proposal(batch.x) is None and task.model.settings.explicit_posterior
            if q is None or not gaussian or not task.model.normalised:
                raise task.refuse(
                    "This needs a Gaussian q(z|x) with a prior N(0, I); this family has others."
                )
            z = q[0] + q[1] * task.streams.normal("posterior", *q[0].shape[1:])
            own_prior = task.model.log_prior(z)
            normal = log_standard_normal(z.double())
            if own_prior is not None and not torch.allclose(own_prior.double(), normal, 1e-3, 1e-3, True):
                raise task.refuse("This needs a prior N(0, I), and this model's is another.")
            log_joint = task.model.log_joint(batch.x, z)
            assert log_joint is not None, "checked before"
            distortions.append(normal - log_joint.double())
            for kept, part in ((means, q[0]), (stds, q[1]), (draws, z)):
                kept.append(part.double())
        mean, std, z = (torch.cat(parts, 1) for parts in (means, stds, draws))
        task.on_progress(0.2)
        kl = gaussian_kls(mean, 2 * std.log())  # [S, n, d]
        information = information_per_example(mean, std, z)
    count, own = mean.shape[1], kl.sum(-1)
    log_n = math.log(count)
    found = Findings()
    variance = mean.var(1)
    active = (variance > task.settings.threshold).sum(-1).double()
    # a diverged member has no number of active units, not 0
    found.metrics["active_units"] = entry(active.where(variance.isfinite().all(-1), math.nan), None, count)
    found.add("rate", own)
    found.add("distortion", torch.cat(distortions, 1))
    found.add("mutual_information", information)
    found.add("aggregated_kl", own - information)
    found.arrays = {
        "kl_per_dimension": kl.mean(1).cpu().numpy(),
        "kl_per_dimension_se": (kl.std(1) / count**0.5).cpu().numpy(),
        "mean_variance": variance.cpu().numpy(),
    }
    members = len(mean)
    for member, ordered in enumerate(kl.mean(1).sort(descending=True).values, 1):
        which = f", seed {member} of {members}" if members > 1 else ""
        shown = ", ".join(f"{value:.3g}" for value in ordered[:SHOWN].tolist())
        rest = f" … ({len(ordered)} dimensions)" if len(ordered) > SHOWN else ""
        found.notes.append(f"KL per dimension in nats, largest first{which}: {shown}{rest}.")
    found.notes.append(
        f"I(x; z) is that of these {count} examples, and at most ln {count} = {log_n:.3g} nats."
    )
    if bool((information.mean(1) > 0.95 * log_n).any()):
        found.notes.append("I(x; z) is close to that limit: more examples would give a larger value.")
    return found


def information_per_example(mean: Tensor, std: Tensor, z: Tensor) -> Tensor:
    """Return log q(z_i|x_i) − log 1/n Σ_j q(z_i|x_j) [S, n], whose mean is I(x; z) of the n examples.

    `mean` and `std` [S, n, d] are of the Gaussians q(z|x_j), `z` [S, n, d] has one draw of each, all float64.
    The square (z − mean)² is expanded into matrix products, which float64 carries to 1e-9 nats.
    """
    count = mean.shape[1]
    weight = std.square().reciprocal()
    factors = torch.cat([weight, -2 * mean * weight], -1).transpose(1, 2)  # [S, 2d, n]
    offset = (mean.square() * weight).sum(-1) + 2 * std.log().sum(-1)  # [S, n]
    parts = []
    rows = max(1, BLOCK_ELEMENTS // (mean.shape[0] * count))
    for block in torch.cat([z.square(), z], -1).split(rows, 1):
        log_q = -0.5 * torch.baddbmm(offset.unsqueeze(1), block, factors)  # [S, rows, n], without ln 2π terms
        parts.append(log_q.logsumexp(-1) - math.log(count))
    own = -0.5 * (((z - mean) / std).square().sum(-1) + 2 * std.log().sum(-1))
    return own - torch.cat(parts, 1)
