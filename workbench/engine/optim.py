"""Optimisers of stacked weights: made from the settings, clipped per member, slowed by a schedule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from workbench.spec.schema import TrainingSettings


def make_optimiser(
    parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
    training: TrainingSettings,
    *,
    lr: float | None = None,
) -> torch.optim.Optimizer:
    """Return the optimiser `training` asks for, in its fused form: elementwise, so members never mix.

    `lr` replaces `training.lr` for a part of the model that has a rate of its own. Parameter groups may
    hold `weight_decay`, which is decoupled (AdamW) under Adam.
    """
    rate = training.lr if lr is None else lr
    groups: Any = list(parameters)
    if training.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=rate, fused=True)
    betas = (training.beta1, 0.999)
    if any(isinstance(group, dict) and group.get("weight_decay") for group in groups):
        return torch.optim.AdamW(groups, lr=rate, betas=betas, weight_decay=0.0, fused=True)
    return torch.optim.Adam(groups, lr=rate, betas=betas, fused=True)


def clip_gradients(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Scale each member's gradients so that their norm over all parameters [S, …] is at most `limit`.

    0 does not clip. No host sync: the factor stays on the device.
    """
    if limit <= 0:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = member_norm(gradients)
    factor = (limit / (norm + 1e-12)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))


def member_norm(tensors: list[Tensor]) -> Tensor:
    """Return the Euclidean norm over all tensors [S, …] of each member, [S]."""
    return torch.stack([t.reshape(len(t), -1).square().sum(1) for t in tensors]).sum(0).sqrt()


def rate_factor(training: TrainingSettings, step: int, total: int) -> float:
    """Return what the learning rates are multiplied by for the update after `step` of `total` updates."""
    if training.schedule == "constant":
        return 1.0
    start = training.decay_from * total
    if step <= start:
        return 1.0
    return 1.0 + (training.decay_to - 1.0) * (step - start) / (total - start)


def set_rates(optimisers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Set every group's learning rate to `factor` times the one it was made with."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
