"""Settings of the deep latent Gaussian model trained with Langevin refinement (docs/models/dlgm.md)."""

from __future__ import annotations

from typing import ClassVar, Literal

from workbench.spec.fields import setting
from workbench.spec.models.vae import GaussianVAESettings


class DLGMSettings(GaussianVAESettings):
    """VAE whose decoder learns from latents that a short Langevin chain has moved (Hoffman 2017)."""

    engine: ClassVar[str] = "workbench.engine.models.dlgm:DLGM"
    title: ClassVar[str] = "DLGM"
    since: ClassVar[str] = "0.1.0"  # with all settings of its base

    kind: Literal["dlgm"] = setting("dlgm", "model family")
    chain_steps: int = setting(
        2, "Langevin steps of each latent before the decoder learns from it; 0 is a VAE", ge=0, le=10_000
    )
    chain_step: float = setting(0.005, "Langevin step η of each example's own chain", gt=0.0)
