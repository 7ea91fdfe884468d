"""Settings of `kind = "image-lebm"` as 0.1.0 has it: runs of it load, train, resume and are evaluated.

Its successor is `kind = "lebm"` with `net = "conv"`, which has other defaults and the same net.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from workbench.spec.fields import setting
from workbench.spec.models.base import hidden
from workbench.spec.models.lebm import LEBMSettings


class ImageLEBMSettings(LEBMSettings):
    """An LEBM with transposed convolutions; defaults are those published for SVHN (Pang et al. 2020)."""

    stackable: ClassVar[bool] = False
    since: ClassVar[str] = "0.1.0"  # with all settings of its base

    kind: Literal["image-lebm"] = setting("image-lebm", "model family")  # type: ignore[assignment]
    net: Literal["conv"] = setting("conv", "convolutions", since="0.2.0")
    latent: int = setting(100, "latent dimensions", "dimensions", ge=1, le=4096)
    prior: list[int] = hidden(200, 200, what="prior's f")
    generator: list[int] = Field(
        [512, 256, 128],
        description="channels of the generator's maps; each layer doubles the side",
        json_schema_extra={"unit": "channels", "widths": True},
        min_length=1,
        max_length=8,
    )
    sigma: float = setting(
        0.15, "standard deviation of the observation noise, pixels being in [0, 1]", "data units", gt=0.0
    )
    prior_lr: float = setting(2e-5, "learning rate of the prior's f", gt=0.0, le=10.0)
    prior_steps: int = setting(60, "Langevin steps of the prior chain (K0)", "steps", ge=1, le=10_000)
