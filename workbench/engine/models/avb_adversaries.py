"""Adversaries of AVB: T(x, z), with x's share of the work done once for many z.

Both have `share(x)`, computed once, and `forward(share, z)`, T [S, B]. With convolutional nets T has
maps of x in place of x, with the encoder's channels. Both add ½‖z‖², which is −log p(z) up to a constant: the
best T contains it, and a net that has to learn it leaves latents unpunished wherever it has not seen any.
With adaptive contrast T sees z̃ = (z − m)/s, whose density is near N(0, I), and the
term is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workbench.engine.data.batch import DataInfo
from workbench.engine.ensemble import ACTIVATIONS, Linear, mlp
from workbench.engine.models.avb_encoders import PairInput
from workbench.engine.nets import stem
from workbench.engine.streams import Streams
from workbench.spec.models.avb import AVBSettings


class Residual(nn.Module):
    """h + W₂ act(W₁ h): the identity at the start, as W₂ and its bias are zero."""

    def __init__(self, width: int, activation: str, streams: Streams) -> None:
        super().__init__()
        self.body = mlp([width, width, width], activation, streams)
        last = self.body[-1]
        for parameter in last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, h: Tensor) -> Tensor:
        """Map h [S, B, width] to the same shape."""
        return h + self.body(h)


class JointAdversary(nn.Module):
    """T(x, z) = net([x, z]) + ½‖z‖²."""

    def __init__(self, settings: AVBSettings, data: DataInfo, streams: Streams) -> None:
        super().__init__()
        activation = settings.activation
        width = settings.adversary[0] if settings.adversary else 1
        self.square = 0.0 if settings.adaptive_contrast else 0.5
        self.maps, inputs = stem(settings.net, data, settings.encoder, activation, streams)
        self.first = PairInput(inputs, settings.latent, width, streams)
        self.rest = nn.Sequential()
        if settings.adversary:
            self.rest.append(ACTIVATIONS[activation]())
            self.rest.extend(mlp(settings.adversary, activation, streams, last_activation=True))
            self.rest.extend(_blocks(settings, streams))
            self.rest.append(Linear(settings.adversary[-1], 1, streams))

    def share(self, x: Tensor) -> Tensor:
        """Return what x [S, B, D] contributes to the first layer."""
        return self.first.share(self.maps(x))

    def forward(self, share: Tensor, z: Tensor) -> Tensor:
        """Return T [S, B] from share(x) and z [S, B, d]."""
        net: Tensor = self.rest(self.first(share, z)).squeeze(-1)
        return net + self.square * z.square().sum(-1)


class InnerProductAdversary(nn.Module):
    """T(x, z) = θ(x)·s(z)/√F + Tₓ(x) + T_z(z) + ½‖z‖²: four nets of the same widths, F features.

    The published form has no √F, which its small steps can do without. With it a step of Adam moves T
    about as far whatever F is; without it T runs ahead, and the encoder falls back to the prior.
    """

    def __init__(self, settings: AVBSettings, data: DataInfo, streams: Streams) -> None:
        super().__init__()
        self.square = 0.0 if settings.adaptive_contrast else 0.5
        features = settings.adversary_features
        self.scale = features**-0.5
        self.maps, inputs = stem(settings.net, data, settings.encoder, settings.activation, streams)
        self.theta = _net(settings, inputs, features, streams)
        self.s = _net(settings, settings.latent, features, streams)
        self.x_only = _net(settings, inputs, 1, streams)
        self.z_only = _net(settings, settings.latent, 1, streams)

    def share(self, x: Tensor) -> Tensor:
        """Return θ(x)/√F and Tₓ(x) side by side, [S, B, F + 1]."""
        maps = self.maps(x)
        return torch.cat([self.theta(maps) * self.scale, self.x_only(maps)], -1)

    def forward(self, share: Tensor, z: Tensor) -> Tensor:
        """Return T [S, B] from share(x) and z [S, B, d]."""
        of_z = torch.cat([self.s(z), torch.ones_like(z[..., :1])], -1)
        net = (share * of_z).sum(-1) + self.z_only(z).squeeze(-1)
        return net + self.square * z.square().sum(-1)


def _blocks(settings: AVBSettings, streams: Streams) -> list[nn.Module]:
    width = settings.adversary[-1] if settings.adversary else 0
    return [Residual(width, settings.activation, streams) for _ in range(settings.adversary_blocks)]


def _net(settings: AVBSettings, inputs: int, outputs: int, streams: Streams) -> nn.Sequential:
    """Return hidden layers, residual blocks and a linear last layer."""
    hidden = mlp([inputs, *settings.adversary], settings.activation, streams, last_activation=True)
    hidden.extend(_blocks(settings, streams))
    last = settings.adversary[-1] if settings.adversary else inputs
    return hidden.append(Linear(last, outputs, streams))
