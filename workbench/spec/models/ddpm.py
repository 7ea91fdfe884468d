"""Settings of the denoising diffusion model and its noise schedule (docs/models/ddpm.md)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from workbench.spec.fields import setting
from workbench.spec.health import Check
from workbench.spec.models.base import Activation, ModelSettings, OwnMetrics, hidden

NOISE_UNKNOWN = Check(
    "train:noise_mse", "the net knows nothing of the noise: error {value:.3g}", high=(0.9, 0.98)
)
SIGNAL_LEFT = 1e-3  # largest ᾱ_T: sampling starts from N(0, I), where no signal may be left
COSINE_OFFSET, LARGEST_BETA = 0.008, 0.999  # Nichol and Dhariwal 2021, eq. 17 and the clipping below it


def linear_betas(steps: int, first: float, last: float) -> list[float]:
    """Return β_1 … β_T evenly spaced from `first` to `last`."""
    return [first + (last - first) * t / max(1, steps - 1) for t in range(steps)]


def cosine_betas(steps: int) -> list[float]:
    """Return β_1 … β_T whose ᾱ_t falls as cos²; none above 0.999."""

    def height(t: int) -> float:
        return math.cos((t / steps + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2) ** 2

    return [min(1 - height(t + 1) / height(t), LARGEST_BETA) for t in range(steps)]


def signal_left(betas: list[float]) -> float:
    """Return ᾱ_T, the share of the data's variance in the last state."""
    return math.prod(1 - beta for beta in betas)


class DDPMSettings(ModelSettings):
    """Denoising diffusion: a net predicts the noise in x_t, samples are denoised step by step."""

    engine: ClassVar[str] = "workbench.engine.models.ddpm:DDPM"
    title: ClassVar[str] = "DDPM"
    own_metrics: ClassVar[OwnMetrics] = (("noise_mse",),)
    checks: ClassVar[tuple[Check, ...]] = (NOISE_UNKNOWN,)
    has_latents: ClassVar[bool] = False
    has_density: ClassVar[bool] = False

    kind: Literal["ddpm"] = setting("ddpm", "model family")
    steps: int = setting(100, "diffusion steps (T)", "steps", ge=1, le=10_000)
    schedule: Literal["linear", "cosine"] = setting(
        "linear", "β rises from `beta_min` to `beta_max`, or ᾱ falls as a squared cosine"
    )
    beta_min: float = setting(1e-4, "β of the first step of a linear schedule", gt=0.0, lt=1.0)
    beta_max: float = setting(0.2, "β of the last step of a linear schedule", gt=0.0, lt=1.0)
    variance: Literal["beta", "posterior"] = setting(
        "beta", "noise of a reverse step: β_t, or the smaller β_t (1 − ᾱ_{t−1}) / (1 − ᾱ_t)"
    )
    net: list[int] = hidden(128, 128, 128, what="noise predictor")
    activation: Activation = setting("silu", "non-linearity of the hidden layers")
    features: int = setting(32, "sines and cosines through which the net sees t", "features", ge=2, le=1024)
    ema: float = setting(0.999, "decay of the averaged weights that draw samples; 0 is off", ge=0.0, lt=1.0)

    def betas(self) -> list[float]:
        """Return β_1 … β_T."""
        if self.schedule == "cosine":
            return cosine_betas(self.steps)
        return linear_betas(self.steps, self.beta_min, self.beta_max)

    @model_validator(mode="after")
    def _no_signal_left(self) -> Self:
        if self.schedule == "linear" and self.beta_max < self.beta_min:
            raise ValueError(f"model.beta_max must be at least model.beta_min, {self.beta_min:g}")
        left = signal_left(self.betas())
        if left >= SIGNAL_LEFT:
            raise ValueError(
                f"the schedule leaves {left:.2g} of the data's variance at the last step, and samples start "
                f"from pure noise: it must be below {SIGNAL_LEFT:g}; {self._remedy()}"
            )
        return self

    def _remedy(self) -> str:
        """Return which changes of one setting would do."""
        if self.schedule == "cosine":
            return "raise model.steps"
        steps = self.steps
        while signal_left(linear_betas(steps, self.beta_min, self.beta_max)) >= SIGNAL_LEFT:
            steps += max(1, steps // 20)
        texts = [f"raise model.steps to {steps}"]
        for beta in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
            enough = signal_left(linear_betas(self.steps, self.beta_min, beta)) < SIGNAL_LEFT
            if beta > self.beta_max and enough:
                texts.insert(0, f"raise model.beta_max to {beta:g}")
                break
        if signal_left(cosine_betas(self.steps)) < SIGNAL_LEFT:
            texts.append('take model.schedule = "cosine"')
        return ", or ".join(texts)
