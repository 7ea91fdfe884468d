"""Settings of the autoencoder with a Gaussian mixture over its codes (docs/models/ae-gmm.md)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import field_validator

from workbench.spec.fields import setting
from workbench.spec.health import Check
from workbench.spec.models.base import Activation, ModelSettings, Net, OwnMetrics, hidden, net_setting


class AEGMMSettings(ModelSettings):
    """Deterministic autoencoder; after training, a Gaussian mixture is fitted to the training codes."""

    engine: ClassVar[str] = "workbench.engine.models.ae_gmm:AEGMM"
    title: ClassVar[str] = "AE + GMM"
    own_metrics: ClassVar[OwnMetrics] = (("mse",),)
    checks: ClassVar[tuple[Check, ...]] = (
        Check(
            "state:component_weight",
            "a mixture component is unused: {value:.1e} of an equal share of the weight",
            low=(0.05, 0.005),
        ),
        Check(
            "state:component_spread",
            "a mixture component has collapsed: its least variance is {value:.2g} times the ridge",
            low=(10.0, 2.0),
        ),
    )
    has_density: ClassVar[bool] = False  # none of x is trained; a result gives one under a name of its own
    explicit_posterior: ClassVar[bool] = False

    kind: Literal["ae-gmm"] = setting("ae-gmm", "model family")
    latent: int = setting(8, "code dimensions", "dimensions", ge=1, le=512)
    net: Net = net_setting()
    encoder: list[int] = hidden(512, what="encoder")
    decoder: list[int] = hidden(512, what="decoder")
    activation: Activation = setting("relu", "non-linearity of the hidden layers")
    error: Literal["bce", "sse"] = setting(
        "bce", "what is minimised: summed binary cross-entropy of pixels, or summed squared error"
    )
    components: list[int] = setting(
        [20], "components of the mixture; of several numbers one is chosen by `choice`", max_length=20
    )
    choice: Literal["held-out", "bic"] = setting(
        "held-out", "how a number of components is chosen: log-likelihood of a held-out fifth, or BIC"
    )
    restarts: int = setting(3, "fits of the mixture, of which the best is kept", "fits", ge=1, le=100)
    fit_codes: int = setting(
        20_000, "training codes that the mixture is fitted to at most; 0 takes all", "codes", ge=0
    )

    @field_validator("components")
    @classmethod
    def _some_components(cls, components: list[int]) -> list[int]:
        if not components or min(components) < 1 or max(components) > 500:
            raise ValueError("give one or more numbers between 1 and 500")
        return components
