"""Encoders and decoders of pictures and points, by the setting `model.net`.

    dense      fully connected layers of the given widths
    conv       widths are channels: in an encoder each layer halves the side, in a decoder each doubles it
    residual   the same, with a residual block of two 3 × 3 convolutions at each size

Convolutions are 4 × 4 with stride 2. An encoder rounds an odd side down, and its last kernel still covers
the border. A decoder starts from the side divided by 2^layers, rounded up, and cuts what is too much off
its last maps, evenly. Pixels are flat [S, B, height · width · colours] at either end, colour last.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from workbench.engine.convolutions import Conv2d, ConvTranspose2d, MapNorm, Residual
from workbench.engine.data.batch import DataInfo
from workbench.engine.ensemble import ACTIVATIONS, Linear, mlp
from workbench.engine.streams import Streams
from workbench.spec.picture_nets import picture_size

KERNEL = 4
LEAK = 0.2  # slope of the leaky ReLU in published generators


class Maps(nn.Module):
    """x [S, B, D] → the last maps of a convolutional encoder, after their non-linearity, [S, B, width]."""

    def __init__(
        self,
        kind: str,
        data: DataInfo,
        channels: Sequence[int],
        activation: str,
        streams: Streams,
        layer_norm: bool,
    ) -> None:
        super().__init__()
        self.shape = picture_size(kind, data.shape, data.name, len(channels), "encoder")
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([self.shape[2], *channels]):
            layers.append(Conv2d(inputs, outputs, KERNEL, streams, stride=2, padding=1))
            layers += _after(kind, outputs, ACTIVATIONS[activation](), activation, streams, layer_norm)
        self.layers = nn.Sequential(*layers)
        height, width = (side >> len(channels) for side in self.shape[:2])
        self.width = channels[-1] * height * width

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.layers(x.unflatten(-1, self.shape).movedim(-1, 2))
        return maps.flatten(2)


class ConvDecoder(nn.Module):
    """z [S, B, d] → maps → each layer doubles the side → what the likelihood takes [S, B, D].

    `published` is the form of Pang et al. 2020: leaky ReLUs, and pixels ½ (1 + tanh) in (0, 1).
    """

    def __init__(
        self,
        kind: str,
        data: DataInfo,
        latent: int,
        channels: Sequence[int],
        activation: str,
        streams: Streams,
        *,
        layer_norm: bool = False,
        published: bool = False,
    ) -> None:
        super().__init__()
        *sides, colours = picture_size(kind, data.shape, data.name, len(channels), "decoder")
        self.published = published
        factor = 2 ** len(channels)
        start = [-(-side // factor) for side in sides]  # rounded up
        cuts = [(factor * first - side) // 2 for first, side in zip(start, sides, strict=True)]
        self.rows, self.columns = (slice(cut, cut + side) for cut, side in zip(cuts, sides, strict=True))
        self.first = ConvTranspose2d(latent, channels[0], (start[0], start[1]), streams, stride=1, padding=0)
        self.between, self.rest = nn.ModuleList(), nn.ModuleList()
        for inputs, outputs in pairwise([*channels, colours]):
            bend = nn.LeakyReLU(LEAK) if published else ACTIVATIONS[activation]()
            self.between.append(nn.Sequential(*_after(kind, inputs, bend, activation, streams, layer_norm)))
            layer = ConvTranspose2d(inputs, outputs, (KERNEL, KERNEL), streams, stride=2, padding=1)
            self.rest.append(layer)

    def forward(self, z: Tensor) -> Tensor:
        maps = self.first(z[..., None, None])
        for bend, layer in zip(self.between, self.rest, strict=True):
            maps = layer(bend(maps))
        maps = maps[..., self.rows, self.columns]
        if self.published:
            maps = (2 * maps).sigmoid()  # σ(2a) = ½ (1 + tanh a)
        return maps.movedim(2, -1).flatten(2)


def encoder(
    kind: str,
    data: DataInfo,
    widths: Sequence[int],
    outputs: int,
    activation: str,
    streams: Streams,
    *,
    layer_norm: bool = False,
) -> nn.Sequential:
    """Return a net x [S, B, D] → [S, B, outputs] with hidden layers, or channels, of these widths.

    Raises:
        WorkbenchError: if the data are no pictures, or too small for as many convolutions.
    """
    if kind == "dense":
        return mlp([data.dimensions, *widths, outputs], activation, streams, layer_norm=layer_norm)
    maps = Maps(kind, data, widths, activation, streams, layer_norm)
    return nn.Sequential(maps, Linear(maps.width, outputs, streams))


def decoder(
    kind: str,
    data: DataInfo,
    latent: int,
    widths: Sequence[int],
    activation: str,
    streams: Streams,
    *,
    layer_norm: bool = False,
) -> nn.Module:
    """Return a net z [S, B, latent] → [S, B, D]; its output is linear.

    Raises:
        WorkbenchError: as `encoder`.
    """
    if kind == "dense":
        return mlp([latent, *widths, data.dimensions], activation, streams, layer_norm=layer_norm)
    return ConvDecoder(kind, data, latent, widths, activation, streams, layer_norm=layer_norm)


def features(
    kind: str,
    data: DataInfo,
    widths: Sequence[int],
    activation: str,
    streams: Streams,
    *,
    layer_norm: bool = False,
) -> tuple[nn.Module, int]:
    """Return a net x [S, B, D] → hidden units after the last non-linearity, and how many units these are.

    Raises:
        WorkbenchError: as `encoder`.
    """
    if kind == "dense":
        sizes = [data.dimensions, *widths]
        return mlp(sizes, activation, streams, layer_norm=layer_norm, last_activation=True), sizes[-1]
    maps = Maps(kind, data, widths, activation, streams, layer_norm)
    return maps, maps.width


def stem(
    kind: str, data: DataInfo, channels: Sequence[int], activation: str, streams: Streams
) -> tuple[nn.Module, int]:
    """Return what comes before layers that x shares with something else, and its outputs: x itself, or maps.

    Raises:
        WorkbenchError: as `encoder`.
    """
    if kind == "dense":
        return nn.Identity(), data.dimensions
    return features(kind, data, channels, activation, streams)


def generator(
    kind: str, data: DataInfo, latent: int, widths: Sequence[int], activation: str, streams: Streams
) -> nn.Module:
    """Return the generator of an LEBM, z [S, B, latent] → mean pixels [S, B, D]; with maps, as published.

    Raises:
        WorkbenchError: as `encoder`.
    """
    if kind == "dense":
        return decoder(kind, data, latent, widths, activation, streams)
    return ConvDecoder(kind, data, latent, widths, activation, streams, published=True)


def layers(net: nn.Module) -> list[Linear | Conv2d | ConvTranspose2d]:
    """Return all layers with `weight` and `bias`, normalisations not included."""
    return [layer for layer in net.modules() if isinstance(layer, Linear | Conv2d | ConvTranspose2d)]


def _after(
    kind: str, channels: int, bend: nn.Module, activation: str, streams: Streams, layer_norm: bool
) -> list[nn.Module]:
    """Return what follows a convolution: a residual block, a normalisation, and the non-linearity."""
    block = [Residual(channels, activation, streams)] if kind == "residual" else []
    return [*block, *([MapNorm(channels, streams)] if layer_norm else []), bend]
