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
    """Accuracy [S], cross-entropy [S] in nats per example, their standard errors; did all fits converge."""

    accuracy: Tensor
    accuracy_error: Tensor
    cross_entropy: Tensor
    cross_entropy_error: Tensor
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
    columns: list[tuple[float, float, float, float]] = []
    converged = True
    for x, other in zip(train.double().cpu().numpy(), test.double().cpu().numpy(), strict=True):
        if not (np.isfinite(x).all() and np.isfinite(other).all()):
            columns.append((np.nan,) * 4)
            continue
        model = LogisticRegression(C=1 / RIDGE, tol=1e-6, max_iter=ITERATIONS)
        model.fit(x, train_y.cpu().numpy())
        converged &= bool(model.n_iter_.max() < ITERATIONS)
        labels = test_y.cpu().numpy()
        probability = model.predict_proba(other)
        place = np.searchsorted(model.classes_, labels).clip(max=len(model.classes_) - 1)
        known = model.classes_[place] == labels
        right = np.where(known, probability[np.arange(len(labels)), place], 0.0)
        loss = -np.log(np.maximum(right, 1e-12))
        hit = (model.classes_[probability.argmax(1)] == labels).mean()
        count = len(labels)
        columns.append((hit, (hit * (1 - hit) / count) ** 0.5, loss.mean(), loss.std(ddof=1) / count**0.5))
    hits, hit_errors, losses, loss_errors = torch.tensor(columns, dtype=torch.float64).unbind(1)
    return Reading(hits, hit_errors, losses, loss_errors, converged)
