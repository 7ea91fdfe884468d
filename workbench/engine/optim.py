"""Optimisers of stacked weights: made from the settings, clipped per member, slowed by a schedule.

They call the fused kernels of torch.optim through its functional form. torch.optim's classes would do, but
the first one made imports torch's compiler: 1.2 s and 80 MB for every run, before its first point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from workbench.spec.schema import TrainingSettings


class Optimiser:
    """Parameter groups and state by parameter, laid out as in torch.optim.

    Updates are elementwise, so the members of a stack never mix.
    """

    def __init__(self, parameters: Iterable[Any], **options: Any) -> None:
        """Take parameters, or dicts of "params" and options that replace those given here."""
        items = list(parameters)
        groups = items if items and isinstance(items[0], dict) else [{"params": items}]
        self.param_groups = [{**options, **group, "params": list(group["params"])} for group in groups]
        self.parameters: list[Tensor] = [one for group in self.param_groups for one in group["params"]]
        self.state = {parameter: self._fresh(parameter) for parameter in self.parameters}

    def _fresh(self, parameter: Tensor) -> dict[str, Tensor]:
        return {}

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters:
                self._update(group, parameters, [parameter.grad for parameter in parameters])

    def _update(self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]) -> None:
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return the state in the order of the parameters; rates follow from the settings and the step."""
        return {"state": [self.state[parameter] for parameter in self.parameters]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        for parameter, saved in zip(self.parameters, state["state"], strict=True):
            for name, value in self.state[parameter].items():
                value.copy_(saved[name])


class Adam(Optimiser):
    """Adam (Kingma and Ba 2015); with `weight_decay` in a group, its decoupled form AdamW."""

    def _fresh(self, parameter: Tensor) -> dict[str, Tensor]:
        return {
            "step": torch.zeros((), device=parameter.device),
            "exp_avg": torch.zeros_like(parameter, requires_grad=False),
            "exp_avg_sq": torch.zeros_like(parameter, requires_grad=False),
        }

    def _update(self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]) -> None:
        states = [self.state[parameter] for parameter in parameters]
        adam(
            parameters,
            gradients,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            decoupled_weight_decay=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group.get("weight_decay", 0.0),
            eps=1e-8,
            maximize=False,
        )


class SGD(Optimiser):
    """Stochastic gradient descent; `momentum` and a decoupled `weight_decay` are options of a group."""

    def _fresh(self, parameter: Tensor) -> dict[str, Tensor]:
        if not self.param_groups[0].get("momentum"):
            return {}
        return {"momentum_buffer": torch.zeros_like(parameter, requires_grad=False)}

    def _update(self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]) -> None:
        if decay := group.get("weight_decay", 0.0):  # torch's own would pass through the momentum
            torch._foreach_mul_(parameters, 1.0 - group["lr"] * decay)
        sgd(
            parameters,
            gradients,
            [self.state[parameter].get("momentum_buffer") for parameter in parameters],
            fused=True,
            lr=group["lr"],
            weight_decay=0.0,
            momentum=group.get("momentum", 0.0),
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )


def make_optimiser(
    parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
    training: TrainingSettings,
    *,
    lr: float | None = None,
) -> Optimiser:
    """Return the optimiser `training` asks for.

    `lr` replaces `training.lr` for a part of the model that has a rate of its own. Parameter groups may
    hold `weight_decay`, which is decoupled and replaces `training.weight_decay`.
    """
    rate = training.lr if lr is None else lr
    decay = 0.0 if training.optimiser == "adam" else training.weight_decay
    if training.optimiser == "sgd":
        return SGD(parameters, lr=rate, momentum=training.momentum, weight_decay=decay)
    return Adam(parameters, lr=rate, betas=(training.beta1, 0.999), weight_decay=decay)


def clip_gradients(parameters: Iterable[Tensor], limit: float) -> None:
    """Scale each member's gradients so that their norm over all parameters [S, …] is at most `limit`.

    0 does not clip. No host sync: the factor stays on the device.
    """
    if limit <= 0:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = torch.stack([g.reshape(len(g), -1).square().sum(1) for g in gradients])
    factor = (limit / (squares.sum(0).sqrt() + 1e-12)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))


def rate_factor(training: TrainingSettings, step: int, total: int) -> float:
    """Return what the learning rates are multiplied by for the update after `step` of `total` updates."""
    rise = ramp(training.warmup, step, total)
    if training.schedule == "constant":
        return rise
    cosine = training.schedule == "cosine"
    start = _updates(training.warmup, total) if cosine else training.decay_from * total
    if step <= start:
        return rise
    share = (step - start) / (total - start)
    fallen = (1.0 - math.cos(math.pi * share)) / 2 if cosine else share
    return rise * (1.0 + (training.decay_to - 1.0) * fallen)


def ramp(length: float, step: int, total: int) -> float:
    """Return the factor that rises linearly to 1 within `length` updates, for the update after `step`.

    A `length` below 1 is a share of `total`; 0 gives 1 at once.
    """
    updates = _updates(length, total)
    return min(1.0, (step + 1) / updates) if updates else 1.0


def _updates(length: float, total: int) -> float:
    return length * total if length < 1 else length


def set_rates(optimisers: Iterable[Optimiser], factor: float) -> None:
    """Set every group's learning rate to `factor` times the one it was made with."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
