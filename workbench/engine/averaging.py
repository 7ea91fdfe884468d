"""Averaged weights: an exponential moving average of every parameter, which is evaluated in their place.

The trainer updates it after each step. Everything that looks at the model from outside training (curves of
held-out data, snapshots, results, estimates) sees the averaged weights: `LatentModel.averaged`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

PREFIX = "average."  # of its entries in the model's state_dict


class Average(nn.Module):
    """The average, in buffers named as the parameters; `updates` [S] counts the steps.

    The decay after t updates is min(decay, t / (10 + t)), so that the first weights are soon forgotten
    and the samples of a young model are its own.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        for name, weight in model.named_parameters():
            *path, last = name.split(".")
            module: nn.Module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, nn.Module())
                module = module.get_submodule(part)
            module.register_buffer(last, weight.detach().clone())
        first = next(model.parameters())
        self.register_buffer("updates", torch.zeros(len(first), dtype=torch.float64, device=first.device))
        self.updates: Tensor

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move every averaged weight towards that of `model`. Nothing in here waits for the device."""
        share = 1.0 - (self.updates / (10.0 + self.updates)).clamp(max=self.decay)
        averages = dict(self.named_buffers())
        for name, weight in model.named_parameters():
            averages[name].lerp_(weight, share.to(weight.dtype).view(-1, *[1] * (weight.dim() - 1)))
        self.updates += 1.0

    def exchange(self, model: nn.Module) -> None:
        """Exchange the weights of `model` with their average: no copies, a second call undoes it."""
        averages = dict(self.named_buffers())
        for name, weight in model.named_parameters():
            weight.data, averages[name].data = averages[name].data, weight.data


def evaluated_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the entries of a model's state_dict with each averaged weight in the place of the raw one."""
    own = {name: value for name, value in state.items() if not name.startswith(PREFIX)}
    return {name: state.get(PREFIX + name, value) for name, value in own.items()}
