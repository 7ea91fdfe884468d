"""How well labels can be read off features: multinomial logistic regression to convergence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

RIDGE = 1.0  # ½‖W‖² beside the summed cross-entropy: where classes separate, weights would grow for ever
ITERATIONS = 2000


@dataclass(frozen=True)
class Reading:
    """Hits (1 or 0) and cross-entropies in nats per test example, both [S, M]; did all fits converge."""

    hits: Tensor
    losses: Tensor
    converged: bool


def standardised(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Return both [S, N, d] with each training feature at mean 0 and spread 1; a dead feature stays 0."""
    mean, spread = train.mean(1, keepdim=True), train.std(1, keepdim=True, unbiased=False).clamp(min=1e-12)
    return (train - mean) / spread, (test - mean) / spread


def logistic_probe(train: Tensor, train_y: Tensor, test: Tensor, test_y: Tensor) -> Reading:
    """Fit on features train [S, N, d] with labels [N], judge on test [S, M, d] with labels [M].

    A member with a non-finite feature gets NaN. Test labels that training lacks count as errors, at
    the cross-entropy of a probability of 1e-12.
    """
    hits, losses = (torch.full(test.shape[:2], torch.nan, dtype=torch.float64) for _ in range(2))
    labels = test_y.cpu().numpy()
    converged = True
    pairs = zip(train.double().cpu().numpy(), test.double().cpu().numpy(), strict=True)
    for member, (x, other) in enumerate(pairs):
        if not (np.isfinite(x).all() and np.isfinite(other).all()):
            continue
        model = LogisticRegression(C=1 / RIDGE, tol=1e-6, max_iter=ITERATIONS)
        model.fit(x, train_y.cpu().numpy())
        converged &= bool(model.n_iter_.max() < ITERATIONS)
        probability = model.predict_proba(other)
        place = np.searchsorted(model.classes_, labels).clip(max=len(model.classes_) - 1)
        known = model.classes_[place] == labels
        right = np.where(known, probability[np.arange(len(labels)), place], 0.0)
        losses[member] = torch.from_numpy(-np.log(np.maximum(right, 1e-12)))
        hits[member] = torch.from_numpy((model.classes_[probability.argmax(1)] == labels).astype(float))
    return Reading(hits, losses, converged)
