"""What the latents of a trained model are like: probes, chains on p(z|x), and pictures of them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from workbench.engine.data.dataset import Split
from workbench.engine.evaluation.diagnostics import ess_bulk, ess_mean, ess_tail, rank_rhat
from workbench.engine.evaluation.embedding import principal_components, straight_lines
from workbench.engine.evaluation.embedding import tsne as embed
from workbench.engine.evaluation.entry import entry, example_entry
from workbench.engine.evaluation.evidence import log_joint_of, needs_density
from workbench.engine.evaluation.neighbours import binomial, knn_hits
from workbench.engine.evaluation.pictures import decoded_arrays
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.samplers.hmc import run_chains

CHUNK = 500
OVERDISPERSED = 2.0  # spreads of the proposal that chains start apart
CONVERGED = 1.01  # largest R-hat of one coordinate (Vehtari et al. 2021)
PER_CHAIN = 100  # smallest ESS per chain (the same)


def probe(task: Task) -> Findings:
    """Labels by logistic regression and by k nearest neighbours."""
    from workbench.engine.evaluation.probe import logistic_probe, standardised  # loads scikit-learn: 1 s

    task.needs_latents()
    data, settings = task.data, task.settings
    if data.info.classes < 2:
        raise task.refuse(f"A probe reads labels, and {data.info.name} has none.", "Choose another --metric.")
    train, train_y = _features(task, "train", settings.train_size)
    task.on_progress(0.3)
    test, test_y = _features(task, "test", 0)
    if settings.variant == "standard":
        train, test = standardised(train, test)
    task.on_progress(0.5)
    reading = logistic_probe(train, train_y, test, test_y)
    votes = knn_hits(train, train_y, test, test_y, settings.neighbours)
    task.on_progress(1.0)
    found = Findings()
    found.add("probe_cross_entropy", reading.losses)
    for name, hits in (("probe", reading.hits), ("probe_knn", votes)):
        found.metrics[name] = example_entry(hits, entry(*binomial(hits), len(test_y)))
    if not reading.converged:
        found.notes.append("The logistic regression had not converged.")
    return found


def _features(task: Task, split: Split, limit: int) -> tuple[Tensor, Tensor]:
    """Return features [S, N, d] and labels [N] of a split: mean latents, or a ReLU of one sample of q."""
    parts = []
    with torch.no_grad():
        for batch in task.data.chunks(split, task.streams, CHUNK, limit):
            if task.settings.variant == "standard":
                parts.append(task.model.encode(batch.x, task.streams))
                continue
            proposal = task.model.proposal(batch.x, task.streams)
            if proposal is None:
                raise task.refuse("The seed variant samples q(z|x), and this family offers none.")
            mean, spread = proposal
            parts.append((mean + spread * task.streams.normal("probe", *mean.shape[1:])).relu())
    z = torch.cat(parts, 1)
    return z, task.data.labels(split)[: z.shape[1]]


def rhat(task: Task) -> Findings:
    """HMC chains on p(z|x), started far apart: have they found the same place?"""
    needs_density(task)
    settings = task.settings
    x = next(task.data.chunks("test", task.streams, settings.images, settings.images)).x
    members, count, _ = x.shape
    with torch.no_grad():
        proposal = task.model.proposal(x, task.streams)
    mean = x.new_zeros(members, count, task.model.latent) if proposal is None else proposal[0]
    spread = torch.ones_like(mean) if proposal is None else proposal[1]
    mean, spread = (part.repeat_interleave(settings.chains, 1) for part in (mean, spread))
    start = mean + OVERDISPERSED * spread * task.streams.normal("start", *mean.shape[1:])
    run = run_chains(
        log_joint_of(task.model, x, settings.chains),
        start,
        spread,
        settings.draws,
        settings.warmup,
        settings.leapfrogs,
        task.streams,
        task.on_progress,
    )
    # [S, B·C, n, d] → per member [C, n, B, d]
    split = run.draws.unflatten(1, (count, settings.chains)).permute(0, 2, 3, 1, 4)
    worst = torch.stack([rank_rhat(draws).flatten() for draws in split])
    bulk = torch.stack([ess_bulk(draws).flatten() for draws in split])
    tail = torch.stack([ess_tail(draws).flatten() for draws in split])
    error = torch.stack([ess_mean(draws).flatten().rsqrt() for draws in split])
    number = worst.shape[1]
    found = Findings()
    found.metrics = {
        "rhat": entry(worst.amax(1), None, number),
        "ess_bulk": entry(bulk.amin(1), None, number),
        "ess_tail": entry(tail.amin(1), None, number),
        "mcse": entry(error.amax(1), None, number),
        "hmc_acceptance": entry(run.acceptance.mean(1), None, count * settings.chains),
    }
    agree = worst < rhat_limit(bulk, settings.chains)
    enough = PER_CHAIN * settings.chains
    if bool(agree.all() & (bulk.amin() >= enough) & (tail.amin() >= enough)):
        found.notes.append("The chains agree and are long enough.")
    else:
        found.notes.append(
            f"Not converged by R-hat < {CONVERGED} (more by chance in {number} coordinates) and "
            f"ESS ≥ {PER_CHAIN} per chain: {float(agree.double().mean()):.0%} of them have such an R-hat."
        )
    found.notes.append("The worst of all coordinates. Short-run chains of training are not judged here.")
    return found


def rhat_limit(ess: Tensor, chains: int) -> Tensor:
    """Return the R-hats [S, n] that all n coordinates of converged chains stay below in 19 of 20 cases.

    Of converged chains, (R-hat² − 1) ESS / M + 1 is nearly χ²/(M − 1) with M − 1 degrees of freedom, M = 2C
    half-chains. Its quantile allows for n coordinates and the two R-hats of each, and is the one of Wilson
    and Hilferty (1931). Never below 1.01; an ESS [S, n] too small for it is a fault of its own.
    """
    halves = 2 * chains
    free = halves - 1
    normal = torch.special.ndtri(torch.tensor(1 - 0.05 / (2 * ess.shape[1]), dtype=torch.float64))
    quantile = float((1 - 2 / (9 * free) + normal * math.sqrt(2 / (9 * free))) ** 3)
    return (1 + (quantile - 1) * halves / ess).sqrt().clamp_min(CONVERGED)


def pca(task: Task) -> Findings:
    """Test latents in their principal components."""
    z, labels = _latents(task)
    count = min(z.shape[2], 10)
    placed, shares = [], []
    for points in z:
        centre, axes, share = principal_components(points, count)
        placed.append((points.double() - centre) @ axes)
        shares.append(share)
    found = Findings()
    found.metrics["pca_explained"] = entry(torch.stack(shares)[:, :2].sum(1), None, z.shape[1])
    found.arrays = {
        "points": torch.stack(placed).float().cpu().numpy(),
        "explained": torch.stack(shares).cpu().numpy(),
        "labels": labels.cpu().numpy(),
    }
    return found


def tsne(task: Task) -> Findings:
    """Test latents in two dimensions by t-SNE."""
    z, labels = _latents(task)
    if task.settings.perplexity >= z.shape[1]:
        raise task.refuse("t-SNE needs more examples than its perplexity.", "Set perplexity lower.")
    placed, left = [], []
    for member, points in enumerate(z):
        coordinates, divergence = embed(points, task.settings.perplexity)
        placed.append(coordinates)
        left.append(divergence)
        task.on_progress((member + 1) / len(z))
    found = Findings()
    found.metrics["tsne_kl"] = entry(torch.tensor(left), None, z.shape[1])
    found.arrays = {"points": np.stack(placed), "labels": labels.cpu().numpy()}
    found.notes.append("Neighbourhoods mean something; distances and sizes of clusters do not.")
    return found


def interpolation(task: Task) -> Findings:
    """Decoded straight lines between the latents of test examples, of two classes where there are any."""
    task.needs_latents()
    first, second = _pairs(task)
    model = task.model
    with torch.no_grad():
        ends = [task.data.examples("test", index, task.streams).x for index in (first, second)]
        ends = [x[:1].expand_as(x) for x in ends]  # drawn pixels differ between seeds: all get those shown
        start, end = (model.encode(x, task.streams) for x in ends)
        z = straight_lines(start, end, task.settings.steps)
        decoded = model.decode(z.flatten(1, 2)).unflatten(1, z.shape[1:3])
    task.on_progress(1.0)
    real = torch.stack([x[0] for x in ends], 1)  # [P, 2, D]
    found = Findings(arrays=decoded_arrays(task, decoded, real))
    found.arrays["z"] = z.float().cpu().numpy()
    found.notes.append(f"{len(first)} lines of {task.settings.steps} points between encoded test examples.")
    return found


def _pairs(task: Task) -> tuple[Tensor, Tensor]:
    """Return the rows [P] of both ends, the same in every run."""
    labels = task.data.labels("test")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0)).to(labels.device)
    first, second = order[0::2], order[1::2]
    first = first[: len(second)]
    if task.data.info.classes > 1:
        differ = labels[first] != labels[second]
        first, second = first[differ], second[differ]
    if len(first) == 0:
        raise task.refuse("There are no two test examples to go between.")
    return first[: task.settings.pairs], second[: task.settings.pairs]


def _latents(task: Task) -> tuple[Tensor, Tensor]:
    """Return encoded test examples [S, n, d] and their labels [n]; a member with odd latents is refused."""
    task.needs_latents()
    parts = []
    with torch.no_grad():
        for batch in task.data.chunks("test", task.streams, CHUNK, task.settings.images):
            parts.append(task.model.encode(batch.x, task.streams))
    z = torch.cat(parts, 1)
    if not bool(z.isfinite().all()):
        raise task.refuse("Some latents are not finite: a seed of this run has diverged.")
    return z, task.data.labels("test")[: z.shape[1]]
