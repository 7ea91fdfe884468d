"""Encoders of AVB: draws of z from x and Gaussian noise, with x's share of the work done once for many draws.

Both have `noise`, the normals one draw needs; `share(x)`, computed once; `forward(share, noise)`, the draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from workbench.engine.data.batch import DataInfo
from workbench.engine.ensemble import ACTIVATIONS, Linear, product
from workbench.engine.nets import encoder, stem
from workbench.engine.streams import Streams
from workbench.spec.models.avb import AVBSettings

AMPLITUDE_SHIFT = 5.0  # published: the noise of a fresh encoder has amplitudes around e⁻⁵
VARIANCE_FLOOR = 1e-6  # part of s² wherever s is used, so that z̃ and log N(z; m, s²) agree


class PairInput(nn.Module):
    """A linear layer of [x, u] that computes its share of x once for many u."""

    def __init__(self, inputs: int, extra: int, outputs: int, streams: Streams) -> None:
        super().__init__()
        self.inputs = inputs
        self.linear = Linear(inputs + extra, outputs, streams)

    def share(self, x: Tensor) -> Tensor:
        """Return what x [S, B, inputs] and the bias contribute, [S, B, outputs]."""
        return product(self.linear.bias, x, self.linear.weight[:, : self.inputs])

    def forward(self, share: Tensor, u: Tensor) -> Tensor:
        """Return the layer's output [S, B, outputs] from `share(x)` and u [S, B, extra]."""
        return product(share, u, self.linear.weight[:, self.inputs :])


class AddedNoise(nn.Module):
    """A linear layer of x + σu, u as wide as x, that computes its share of x once for many u."""

    def __init__(self, inputs: int, outputs: int, scale: float, streams: Streams) -> None:
        super().__init__()
        self.scale = scale
        self.linear = Linear(inputs, outputs, streams)

    def share(self, x: Tensor) -> Tensor:
        """Return the layer's output for x alone, [S, B, outputs]."""
        out: Tensor = self.linear(x)
        return out

    def forward(self, share: Tensor, u: Tensor) -> Tensor:
        """Return the layer's output [S, B, outputs] from `share(x)` and u [S, B, inputs]."""
        return product(share, u, self.linear.weight, alpha=self.scale)


class NoisyEncoder(nn.Module):
    """z = enc(x, ε): any distribution of z given x that the net can make of Gaussian noise.

    ε enters the first layer or every one. Concatenated, the same ε goes beside the input of each; added,
    each layer's input has noise of its own. With convolutional nets, these are the layers after the maps.
    """

    def __init__(self, settings: AVBSettings, data: DataInfo, streams: Streams) -> None:
        super().__init__()
        self.maps, inputs = stem(settings.net, data, settings.encoder, settings.activation, streams)
        sizes = [inputs, *settings.noisy_layers, settings.latent]
        noisy = len(sizes) - 1 if settings.noise_at == "every-layer" else 1
        self.added = settings.noise_kind == "added"
        self.widths = sizes[:noisy] if self.added else [settings.noise]
        self.noise = sum(self.widths)
        self.activation = ACTIVATIONS[settings.activation]()
        self.layers = nn.ModuleList()
        for position, (inputs, outputs) in enumerate(pairwise(sizes)):
            if position >= noisy:
                self.layers.append(Linear(inputs, outputs, streams))
            elif self.added:
                self.layers.append(AddedNoise(inputs, outputs, settings.noise_scale, streams))
            else:
                self.layers.append(PairInput(inputs, settings.noise, outputs, streams))

    def share(self, x: Tensor) -> Tensor:
        """Return what x [S, B, D] contributes to the first layer."""
        return cast("PairInput | AddedNoise", self.layers[0]).share(self.maps(x))

    def forward(self, share: Tensor, noise: Tensor) -> Tensor:
        """Return z [S, B, d] from share(x) and standard normals [S, B, noise]."""
        parts = noise.split(self.widths, -1)
        z: Tensor = self.layers[0](share, parts[0])
        for position, layer in enumerate(list(self.layers)[1:], 1):
            h = self.activation(z)
            if isinstance(layer, PairInput | AddedNoise):
                z = layer(layer.share(h), parts[position if self.added else 0])
            else:
                z = layer(h)
        return z


class Stack(nn.Module):
    """K linear maps per member, applied side by side: [S, K, B, in] → [S, K, B, out]."""

    def __init__(self, count: int, inputs: int, outputs: int, streams: Streams) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(inputs)
        self.weight = nn.Parameter((streams.uniform("init", count, inputs, outputs) * 2 - 1) * bound)
        self.bias = nn.Parameter((streams.uniform("init", count, 1, outputs) * 2 - 1) * bound)

    def forward(self, x: Tensor) -> Tensor:
        out = product(self.bias.flatten(0, 1), x.flatten(0, 1), self.weight.flatten(0, 1))
        return out.unflatten(0, self.weight.shape[:2])


class ContrastEncoder(nn.Module):
    """z = z₀(x) + Σᵢ aᵢ(x) vᵢ(εᵢ), aᵢ = elu(· − 5) + 1 > 0: an implicit posterior whose moments are known.

    The vᵢ do not depend on x, so a batch of them gives E vᵢ and Var vᵢ, and with these the mean and the
    variance of every z: m = z₀ + Σ aᵢ E vᵢ, s² = Σ aᵢ² Var vᵢ, coordinate by coordinate.
    """

    def __init__(self, settings: AVBSettings, data: DataInfo, streams: Streams) -> None:
        super().__init__()
        self.latent, self.basis = settings.latent, settings.noise_basis
        self.noise = self.basis * settings.noise
        outputs = (1 + self.basis) * self.latent
        widths = settings.encoder
        self.net = encoder(settings.net, data, widths, outputs, settings.activation, streams)
        if settings.noise_amplitude:
            self._set_amplitudes(settings.noise_amplitude)
        self.noise_nets = nn.Sequential()
        sizes = [settings.noise, *settings.noise_net, self.latent]
        for position, (inputs, width) in enumerate(pairwise(sizes)):
            if position:
                self.noise_nets.append(nn.ELU())
            self.noise_nets.append(Stack(self.basis, inputs, width, streams))

    @torch.no_grad()
    def _set_amplitudes(self, amplitude: float) -> None:
        """Make every aᵢ(x) the same number, whatever x is."""
        last = cast("Linear", self.net[-1])
        last.weight[..., self.latent :] = 0.0
        before = math.log(amplitude) if amplitude < 1 else amplitude - 1  # elu(before) + 1 is the amplitude
        last.bias[..., self.latent :] = AMPLITUDE_SHIFT + before

    def share(self, x: Tensor) -> Tensor:
        """Return z₀ and the amplitudes of x [S, B, D], one after the other: [S, B, (1 + K) d]."""
        z0, raw = self.net(x).tensor_split([self.latent], -1)
        return torch.cat([z0, nn.functional.elu(raw - AMPLITUDE_SHIFT) + 1], -1)

    def values(self, noise: Tensor) -> Tensor:
        """Return the vᵢ(εᵢ) [S, B, K, d] of standard normals [S, B, noise]."""
        parts = noise.unflatten(-1, (self.basis, -1)).transpose(1, 2)
        v: Tensor = self.noise_nets(parts).transpose(1, 2)
        return v

    def combine(self, share: Tensor, values: Tensor) -> Tensor:
        """Return z [S, B, d] from share(x) and values(ε)."""
        z0, a = share.unflatten(-1, (1 + self.basis, self.latent)).tensor_split([1], 2)
        return z0.squeeze(2) + (a * values).sum(2)

    def forward(self, share: Tensor, noise: Tensor) -> Tensor:
        """Return z [S, B, d] from share(x) and standard normals [S, B, noise]."""
        return self.combine(share, self.values(noise))

    @torch.no_grad()
    def moments(self, share: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of z [S, B, d], moments of v taken over `values` [S, N, K, d].

        They carry no gradient: the contrast follows the encoder, it is not a way to move it.
        """
        z0, a = share.unflatten(-1, (1 + self.basis, self.latent)).tensor_split([1], 2)
        mean = z0.squeeze(2) + (a * values.mean(1, keepdim=True)).sum(2)
        variance = (a.square() * values.var(1, correction=0, keepdim=True)).sum(2)
        return mean, (variance + VARIANCE_FLOOR).sqrt()


def from_gaussian(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], latent: int) -> dict[str, Tensor]:
    """Return the layers of a Gaussian encoder in `weights` under the names of an encoder of this module.

    `own` are this encoder's parameters: its layers of x come first, in order. They keep their own rows for
    noise and columns for amplitudes; of the other's last layer only the mean is taken. Empty if the hidden
    layers differ.
    """
    theirs = [weight for name, weight in weights.items() if name.startswith("encoder.")]
    names = [name for name in own if not name.startswith("encoder.noise_nets.")]
    if len(theirs) != len(names):
        return {}
    theirs[-2:] = [weight[..., : weight.shape[-1] // 2] for weight in theirs[-2:]]  # mean, not log σ²
    found = {}
    for place, (name, weight) in enumerate(zip(names, theirs, strict=True)):
        if weight.dim() != own[name].dim() or weight.shape[1:-2] != own[name].shape[1:-2]:
            return {}
        rows, columns = weight.shape[-2:]
        wanted = latent if place >= len(names) - 2 else own[name].shape[-1]
        if columns != wanted or rows > own[name].shape[-2]:
            return {}
        merged = own[name].detach().clone()
        merged[..., :rows, :columns] = weight.to(merged)
        found[name] = merged
    return found
