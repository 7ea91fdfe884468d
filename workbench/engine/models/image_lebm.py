"""LEBM for pictures: the generator is a stack of transposed convolutions (Pang et al. 2020, SVHN).

    z [d] → 4 × 4 maps → each layer doubles the side → pixels, ½ (1 + tanh)

Everything else is the LEBM's, or that of its thermodynamic integration. Published code has pixels on
[−1, 1] and σ = 0.3 there; here pixels are in [0, 1] and σ is half of it: the same posterior.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workbench.engine.data.batch import DataInfo
from workbench.engine.models.lebm import LEBM
from workbench.engine.models.lebm_ti import ThermodynamicLEBM
from workbench.engine.streams import Streams
from workbench.errors import USAGE, WorkbenchError
from workbench.spec.models.image_lebm import ImageLEBMSettings
from workbench.spec.schema import TrainingSettings

LEAK = 0.2  # slope of the leaky ReLU, as in published code
SIZE = 4  # of every kernel, and of the first map


class ConvTranspose2d(nn.Module):
    """S transposed convolutions with 4 × 4 kernels, Xavier-normal weights, from the stream "init"."""

    def __init__(self, inputs: int, outputs: int, stride: int, padding: int, streams: Streams) -> None:
        super().__init__()
        area = SIZE * SIZE
        spread = math.sqrt(2 / (area * (inputs + outputs)))
        self.weight = nn.Parameter(streams.normal("init", inputs, outputs, SIZE, SIZE) * spread)
        bound = 1 / math.sqrt(area * outputs)  # torch's own for these biases
        self.bias = nn.Parameter((streams.uniform("init", outputs) * 2 - 1) * bound)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """Map x [S, B, in, H, W] to [S, B, out, …]: 4 × 4 from 1 × 1 (stride 1), or twice the side."""
        convolve, stride, padding = nn.functional.conv_transpose2d, self.stride, self.padding
        members = zip(x, self.weight, self.bias, strict=True)
        return torch.stack([convolve(*member, stride=stride, padding=padding) for member in members])


class Generator(nn.Module):
    """Maps z [S, B, d] to pixels [S, B, H · W · colours] in (0, 1), colour last."""

    def __init__(self, latent: int, channels: list[int], data: DataInfo, streams: Streams) -> None:
        super().__init__()
        colours = data.shape[2] if len(data.shape) == 3 else 1
        self.first = ConvTranspose2d(latent, channels[0], 1, 0, streams)
        sizes = zip(channels, [*channels[1:], colours], strict=True)
        self.rest = nn.ModuleList(ConvTranspose2d(i, o, 2, 1, streams) for i, o in sizes)

    def forward(self, z: Tensor) -> Tensor:
        maps = self.first(z[..., None, None])
        for layer in self.rest:
            maps = layer(nn.functional.leaky_relu(maps, LEAK))
        return torch.sigmoid(2 * maps).movedim(2, -1).flatten(2)  # σ(2a) = ½ (1 + tanh a)


class _Convolutional(LEBM):
    """What both image models have of their own: the generator, and its gradient by autograd."""

    def _make_generator(self, streams: Streams) -> nn.Module:
        return Generator(self.latent, self.settings.generator, self.data, streams)

    def misfit_gradient(self, x: Tensor, z: Tensor) -> Tensor:
        """Return ∇ of ½‖x − g(z)‖² with respect to z, [S, B, d]."""
        with torch.enable_grad():
            leaf = z.detach().requires_grad_()
            out = self.generator(leaf)
            (gradient,) = torch.autograd.grad(out, leaf, (out - x).detach())
        return gradient


class ImageLEBM(_Convolutional):
    """S image models, usually one."""


class ThermodynamicImageLEBM(_Convolutional, ThermodynamicLEBM):
    """The same, trained on a ladder of temperatures."""


def build(settings: ImageLEBMSettings, training: TrainingSettings, data: DataInfo, streams: Streams) -> LEBM:
    """Return the model.

    Raises:
        WorkbenchError: if its generator cannot make pictures of this size.
    """
    side = SIZE * 2 ** len(settings.generator)
    if len(data.shape) not in (2, 3) or data.shape[:2] != (side, side):
        shape = " × ".join(str(length) for length in data.shape)
        raise WorkbenchError(
            f"A generator of {len(settings.generator)} maps makes pictures of {side} × {side} pixels; "
            f"{data.name} has examples of {shape}.",
            "Each entry of model.generator doubles the side, from 4. For other sizes use the family lebm.",
            USAGE,
        )
    family = ImageLEBM if settings.objective == "vanilla" else ThermodynamicImageLEBM
    return family(settings, training, data, streams)
