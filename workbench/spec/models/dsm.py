"""Settings of denoising score matching with annealed Langevin sampling (docs/models/dsm.md)."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from workbench.spec.fields import setting
from workbench.spec.health import Check
from workbench.spec.models.base import Activation, ModelSettings, OwnMetrics, hidden
from workbench.spec.models.ddpm import NOISE_UNKNOWN

LARGEST_STEP = 1.0  # of α_i/σ_i²: at 4 the chain is unstable, at 1 its variance is a third too large


class DSMSettings(ModelSettings):
    """A net learns the score of the data at several noise levels; samples come by annealed Langevin."""

    engine: ClassVar[str] = "workbench.engine.models.dsm:DSM"
    title: ClassVar[str] = "DSM"
    own_metrics: ClassVar[OwnMetrics] = (("noise_mse",),)
    checks: ClassVar[tuple[Check, ...]] = (NOISE_UNKNOWN,)
    has_latents: ClassVar[bool] = False
    has_density: ClassVar[bool] = False

    kind: Literal["dsm"] = setting("dsm", "model family")
    levels: int = setting(
        10, "noise levels, geometric from `sigma_max` to `sigma_min`", "levels", ge=2, le=1000
    )
    sigma_max: float = setting(
        3.0,
        "largest noise; about the diameter of the data, or modes far apart are out of reach",
        "data units",
        gt=0.0,
    )
    sigma_min: float = setting(0.01, "smallest noise", "data units", gt=0.0)
    chain_steps: int = setting(100, "Langevin steps at each noise level (T)", "steps", ge=1, le=100_000)
    chain_step: float = setting(
        2e-5, "ε of the Langevin steps: x += α/2 · score + √α · noise with α = ε σ²/sigma_min²", gt=0.0
    )
    denoise: bool = setting(True, "end with one step that takes the noise of the last level away")
    net: list[int] = hidden(128, 128, 128, what="score net")
    activation: Activation = setting("silu", "non-linearity of the hidden layers")
    features: int = setting(
        32, "sines and cosines through which the net sees the noise level", "features", ge=2, le=1024
    )
    ema: float = setting(0.999, "decay of the averaged weights that draw samples; 0 is off", ge=0.0, lt=1.0)

    def sigmas(self) -> list[float]:
        """Return the noise levels, largest first."""
        ratio = (self.sigma_min / self.sigma_max) ** (1 / (self.levels - 1))
        return [self.sigma_max * ratio**level for level in range(self.levels)]

    @model_validator(mode="after")
    def _can_be_sampled(self) -> Self:
        if self.sigma_max <= self.sigma_min:
            raise ValueError(f"model.sigma_max must be above model.sigma_min, {self.sigma_min:g}")
        share, most = self.chain_step / self.sigma_min**2, LARGEST_STEP * self.sigma_min**2
        if share > LARGEST_STEP:
            raise ValueError(
                f"steps of {share:.3g} σ² overshoot at every noise level; "
                f"lower model.chain_step to {most:.2g} (model.sigma_min²) or less"
            )
        return self
