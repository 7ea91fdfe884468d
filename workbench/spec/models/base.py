"""What every model family's settings have in common."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from workbench.spec.fields import Settings, setting
from workbench.spec.health import GENERAL, Check
from workbench.spec.picture_nets import CHANNELS, NETS

Activation = Literal["relu", "elu", "silu", "softplus", "tanh", "leaky-relu"]
Net = Literal["dense", "conv", "residual"]
Likelihood = Literal["bernoulli", "gaussian", "discretised-logistic"]
OwnMetrics = tuple[tuple[str, ...], ...]
WIDEST = 100_000  # units of a hidden layer


class ModelSettings(Settings):
    """Base of a family's settings; `kind` chooses the family."""

    engine: ClassVar[str] = ""  # "module:name" of what builds the model, see engine/model.py
    title: ClassVar[str] = ""  # the family's name in tables
    stackable: ClassVar[bool] = True  # False: several seeds become several runs
    # plots of the pane `model`, each of a group of metrics, the most informative one first; metrics of
    # which a run has no points are left out
    own_metrics: ClassVar[OwnMetrics] = ()
    # the settings whose values are drawn as levels in the plots of these metrics
    targets: ClassVar[dict[str, str]] = {}
    checks: ClassVar[tuple[Check, ...]] = ()  # of health, beside the general ones and in place of their like

    # what the family can do; evaluations, panes and footnotes follow from it
    has_samples: ClassVar[bool] = True  # draws samples of x
    has_latents: ClassVar[bool] = True
    continuous_latents: ClassVar[bool] = True  # gradients and quadrature over z make sense
    has_density: ClassVar[bool] = True  # p(x, z) has one, at least up to a constant
    normalised_prior: ClassVar[bool] = True  # False: log p(z) is known only up to a constant
    explicit_posterior: ClassVar[bool] = True  # q(z|x) has a density, so that its bound can be computed
    has_energy_prior: ClassVar[bool] = False  # with chains between prior and posterior, as an LEBM's

    kind: str = setting(..., "model family")

    def has_accept_step(self) -> bool:
        """Return whether training accepts or refuses moves of a chain by differences of energies."""
        return False

    def health_checks(self) -> tuple[Check, ...]:
        """Return the checks of a run with these settings: the general ones, and the family's own."""
        keys = {check.key for check in self.checks}
        found = (*(check for check in GENERAL if check.key not in keys), *self.checks)
        return tuple(check for check in found if not (check.unless and getattr(self, check.unless)))

    @model_validator(mode="after")
    def _convolutions_have_channels(self) -> Self:
        net = getattr(self, "net", None)
        if net in NETS:
            for name in CHANNELS:
                if getattr(self, name, None) == []:
                    raise ValueError(f"model.net = {net} needs channels in model.{name}")
        return self

    @field_validator("*")
    @classmethod
    def _widths_are_widths(cls, value: Any, info: ValidationInfo) -> Any:
        extra = cls.model_fields[info.field_name].json_schema_extra if info.field_name else None
        if isinstance(extra, dict) and extra.get("widths"):
            for width in value:
                if not 1 <= width <= WIDEST:
                    raise ValueError(f"each width must be at least 1 and at most {WIDEST}, got {width}")
        return value


def net_setting() -> Net:
    """Declare the kind of a family's encoder and decoder."""
    kind: Net = setting(
        "dense",
        "fully connected layers; or convolutions, plain or with residual blocks: the widths of encoder and "
        "decoder are then channels, and each layer halves or doubles the side of the pictures",
        since="0.2.0",
    )
    return kind


def hidden(*sizes: int, what: str) -> list[int]:
    """Declare a list of hidden-layer widths, each from 1 to `WIDEST`."""
    field: list[int] = Field(
        list(sizes),
        description=f"widths of the hidden layers of the {what}",
        json_schema_extra={"unit": "units", "widths": True},
        max_length=20,
    )
    return field
