"""LEBM for pictures: the generator is a stack of transposed convolutions (Pang et al. 2020, SVHN).

    z [d] → 4 × 4 maps → each layer doubles the side → pixels, ½ (1 + tanh)

Everything else is the LEBM's, or that of its thermodynamic integration. Published code has pixels on
[−1, 1] and σ = 0.3 there; here pixels are in [0, 1] and σ is half of it: the same posterior.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workbench.engine.data.batch import DataInfo
from workbench.engine.models.lebm import LEBM
from workbench.engine.models.lebm_ti import ThermodynamicLEBM
from workbench.engine.nets import ConvDecoder
from workbench.engine.streams import Streams
from workbench.errors import USAGE, WorkbenchError
from workbench.spec.models.image_lebm import ImageLEBMSettings
from workbench.spec.schema import TrainingSettings

SIZE = 4  # of the first map


class _Convolutional(LEBM):
    """What both image models have of their own: the generator, and its gradient by autograd."""

    def _make_generator(self, streams: Streams) -> nn.Module:
        settings = self.settings
        return ConvDecoder(
            "conv", self.data, self.latent, settings.generator, settings.activation, streams, published=True
        )

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
