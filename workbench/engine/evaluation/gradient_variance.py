"""How noisy a stochastic gradient is at fixed weights: over repetitions, split into chains and data.

A gradient estimate g depends on a batch and on the chains run for it. By the law of total variance, per
coordinate j of the weights,

    Var(g_j) = E_batch[ Var_chains(g_j) ] + Var_batch( E_chains[g_j] ).

Q batches with R sets of chains each estimate both parts without bias; V is the mean over j. (The
spread over the coordinates of one gradient, which is also seen, says nothing about noise: it would
not be 0 for an exact gradient.) After Faghri et al. 2020, "A Study of Gradient Variance in Deep Learning".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


class Spread:
    """Gradients [S, J] as they come, R for each batch; only sums are kept, in float64."""

    def __init__(self, repeats: int) -> None:
        if repeats < 2:
            raise ValueError("a variance over chains needs at least two repetitions per batch")
        self.repeats = repeats
        self._batch: list[Tensor] = []
        self._means: list[Tensor] = []  # [S, J] of each batch
        self._within: Tensor | None = None  # sum over batches of the variance over chains
        self._square: Tensor | None = None  # sum over all of g²

    def add(self, gradient: Tensor) -> None:
        """Take one more gradient [S, J]; every R of them belong to one batch."""
        g = gradient.detach().double()
        self._square = g.square() if self._square is None else self._square + g.square()
        self._batch.append(g)
        if len(self._batch) == self.repeats:
            together = torch.stack(self._batch)
            within = together.var(0)
            self._within = within if self._within is None else self._within + within
            self._means.append(together.mean(0))
            self._batch = []

    def parts(self) -> Parts:
        """Return the estimates; at least two whole batches must have been added."""
        if len(self._means) < 2 or self._within is None or self._square is None:
            raise ValueError("a variance over data needs at least two batches")
        means = torch.stack(self._means)
        chain = self._within / len(means)
        data = means.var(0) - chain / self.repeats
        second = self._square / (len(means) * self.repeats)
        chain, data, second = chain.mean(1), data.mean(1), second.mean(1)
        total = chain + data
        return Parts(total, chain, data, total / second.clamp_min(1e-300), means.mean(0))


@dataclass(frozen=True)
class Parts:
    """Per member [S]: V, its two parts (data's may come out negative), V over E[g²]; mean gradient [S, J]."""

    total: Tensor
    chain: Tensor
    data: Tensor
    normalised: Tensor
    mean: Tensor


def cosine(left: Tensor, right: Tensor) -> Tensor:
    """Return the cosine [S] between two mean gradients [S, J]."""
    norms = left.norm(dim=1) * right.norm(dim=1)
    return (left * right).sum(1) / norms.clamp_min(1e-300)
