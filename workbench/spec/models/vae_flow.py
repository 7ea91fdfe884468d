"""Settings of the VAE with planar flows (docs/models/vae-flow.md)."""

from __future__ import annotations

from typing import ClassVar, Literal

from workbench.spec.fields import setting
from workbench.spec.models.vae import GaussianVAESettings


class VAEFlowSettings(GaussianVAESettings):
    """VAE whose Gaussian posterior is bent by planar flows, the same ones for every example."""

    engine: ClassVar[str] = "workbench.engine.models.vae_flow:VAEFlow"
    title: ClassVar[str] = "VAE-flow"
    since: ClassVar[str] = "0.1.0"  # with all settings of its base

    kind: Literal["vae-flow"] = setting("vae-flow", "model family")
    flows: int = setting(3, "planar flows after the Gaussian draw", "flows", ge=1, le=1000)
