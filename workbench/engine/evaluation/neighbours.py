"""How well labels can be read off the latents: accuracy of a k-nearest-neighbour vote."""

from __future__ import annotations

import torch
from torch import Tensor

# Elements of one block of the test × train distances (all members together).
BLOCK_ELEMENTS = 2**23


def binomial(hits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share [S] of hits [S, M], which are 0 or 1, and its standard error [S]."""
    share = hits.mean(1)
    return share, (share * (1 - share) / hits.shape[1]).sqrt()


def knn_hits(train_z: Tensor, train_y: Tensor, test_z: Tensor, test_y: Tensor, neighbours: int) -> Tensor:
    """Return 1 where a k-NN vote finds a test example's label, else 0: [S, M].

    Latents train_z [S, N, d] and test_z [S, M, d]; labels [N] and [M], from 0. Each latent
    dimension is first divided by its standard deviation over the training set: the scale of a
    latent is a model's own choice. A tied vote goes to the class whose voters are nearer.
    A member with a non-finite latent gets NaN.
    """
    members, count, _ = train_z.shape
    k = min(neighbours, count)
    mean = train_z.mean(1, keepdim=True)
    # a dead latent dimension has no spread to divide by: it then weighs nothing
    spread = train_z.std(1, keepdim=True, unbiased=False).clamp(min=1e-12)
    train, test = (train_z - mean) / spread, (test_z - mean) / spread
    classes = int(torch.maximum(train_y.max(), test_y.max())) + 1
    # counts decide; the small second term breaks ties in favour of the nearer voters
    weights = 1.0 + torch.arange(k, 0, -1, device=train.device, dtype=train.dtype) / (2 * k * (k + 1))
    train_squares = train.square().sum(-1).unsqueeze(1)
    rows = max(1, BLOCK_ELEMENTS // (members * count))
    hits = torch.empty(members, test.shape[1], device=train.device, dtype=train.dtype)
    for start in range(0, test.shape[1], rows):
        block = test[:, start : start + rows]
        # the squared norm of the test point is the same for all its neighbours: not needed
        order = torch.baddbmm(train_squares, block, train.transpose(1, 2), alpha=-2.0)
        nearest = order.topk(k, dim=-1, largest=False, sorted=True).indices
        votes = torch.zeros(*nearest.shape[:2], classes, device=train.device, dtype=train.dtype)
        votes.scatter_add_(-1, train_y[nearest], weights.expand(nearest.shape))
        hits[:, start : start + rows] = (votes.argmax(-1) == test_y[start : start + rows]).to(hits.dtype)
    finite = train_z.isfinite().all(-1).all(-1) & test_z.isfinite().all(-1).all(-1)
    return hits.masked_fill(~finite.unsqueeze(1), torch.nan)


def knn_accuracy(
    train_z: Tensor, train_y: Tensor, test_z: Tensor, test_y: Tensor, neighbours: int
) -> tuple[Tensor, Tensor]:
    """Return the accuracy [S] of `knn_hits` and its binomial standard error [S]."""
    return binomial(knn_hits(train_z, train_y, test_z, test_y, neighbours))


def nearest_distances(x: Tensor, pool: Tensor) -> Tensor:
    """Return the Euclidean distance [S, n] of each x [S, n, D] to its nearest point of pool [S, N, D].

    Samples much nearer to training data than fresh real data are show that a model repeats them.
    """
    rows = max(1, BLOCK_ELEMENTS // (x.shape[0] * pool.shape[1]))
    squares = pool.square().sum(-1).unsqueeze(1)
    found = []
    for block in x.split(rows, 1):
        best = torch.baddbmm(squares, block, pool.transpose(1, 2), alpha=-2.0).amin(-1)
        found.append((best + block.square().sum(-1)).clamp_min(0.0).sqrt())
    return torch.cat(found, 1)
