"""Settings of the LEBM for colour pictures (docs/models/lebm.md)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from workbench.spec.fields import setting
from workbench.spec.models.base import hidden
from workbench.spec.models.lebm import LEBMSettings


class ImageLEBMSettings(LEBMSettings):
    """The LEBM with a generator of transposed convolutions; defaults are those published for SVHN."""

    engine: ClassVar[str] = "workbench.engine.models.image_lebm:build"
    title: ClassVar[str] = "LEBM (images)"
    stackable: ClassVar[bool] = False  # one member already keeps the device busy
    since: ClassVar[str] = "0.1.0"  # with all settings of its base

    kind: Literal["image-lebm"] = setting("image-lebm", "model family")  # type: ignore[assignment]
    latent: int = setting(100, "latent dimensions", "dimensions", ge=1, le=4096)
    prior: list[int] = hidden(200, 200, what="prior's f")
    generator: list[int] = Field(
        [512, 256, 128],
        description="channels of the generator's maps from 4 × 4 pixels on; each layer doubles the side",
        json_schema_extra={"unit": "channels", "widths": True},
        min_length=1,
        max_length=8,
    )
    sigma: float = setting(
        0.15, "standard deviation of the observation noise, pixels being in [0, 1]", "data units", gt=0.0
    )
    prior_lr: float = setting(2e-5, "learning rate of the prior's f", gt=0.0, le=10.0)
    prior_steps: int = setting(60, "Langevin steps of the prior chain (K0)", "steps", ge=1, le=10_000)
