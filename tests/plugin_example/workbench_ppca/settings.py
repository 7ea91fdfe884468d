"""Settings of probabilistic PCA: what can be set, without torch, so that forms and checks stay quick."""

from __future__ import annotations

from typing import ClassVar, Literal

from workbench.spec.fields import setting
from workbench.spec.models.base import ModelSettings


class PPCASettings(ModelSettings):
    """Linear latents with Gaussian noise, fitted by gradient ascent of the exact log-likelihood."""

    engine: ClassVar[str] = "workbench_ppca.model:PPCA"
    title: ClassVar[str] = "pPCA"

    kind: Literal["ppca"] = setting("ppca", "model family")
    latent: int = setting(1, "latent dimensions", "dimensions", ge=1, le=1024)
