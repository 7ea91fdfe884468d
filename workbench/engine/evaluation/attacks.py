"""White-box attacks on a classifier: the pictures within ε of the given ones that it gets most wrong.

x [S, B, D] lies in [0, 1], and so does what is returned; `cost` maps it to the negative
log-likelihood of the right label [S, B]. An attack follows the gradient of the sum of all costs, in
which every example has a term of its own. Weights are read only, never given a gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Cost = Callable[[Tensor], Tensor]


def fgsm(cost: Cost, x: Tensor, eps: float) -> Tensor:
    """Return x + ε sign(∂cost/∂x), cut to [0, 1]: one step (Goodfellow et al. 2015, §4)."""
    return (x + eps * uphill(cost, x)).clamp(0, 1)


def pgd(cost: Cost, x: Tensor, eps: float, steps: int, size: float) -> Tensor:
    """Return the end of `steps` signed gradient steps, each put back into the ball |x' − x| ≤ ε and [0, 1].

    Starts at x itself, not at a random point of the ball. Cannot get further than steps · size from x.
    Source: Madry et al. 2018, §2.1.
    """
    lower, upper = (x - eps).clamp_min(0), (x + eps).clamp_max(1)
    moved = x
    for _ in range(steps):
        moved = torch.minimum(torch.maximum(moved + size * uphill(cost, moved), lower), upper)
    return moved


def uphill(cost: Cost, x: Tensor) -> Tensor:
    """Return the sign of ∂cost/∂x [S, B, D]; 0 where a pixel does not matter."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(cost(x).sum(), x)
    return gradient.sign()
