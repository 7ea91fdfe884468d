"""What every model family's settings have in common."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from workbench.spec.fields import Settings, setting

Activation = Literal["relu", "elu", "silu", "softplus", "tanh", "leaky-relu"]
Likelihood = Literal["bernoulli", "gaussian", "discretised-logistic"]
OwnMetrics = tuple[tuple[str, ...], ...]
WIDEST = 100_000  # units of a hidden layer


class ModelSettings(Settings):
    """Base of a family's settings; `kind` chooses the family."""

    engine: ClassVar[str] = ""  # module with `build(...)`, see engine/model.py
    title: ClassVar[str] = ""  # the family's name in tables
    stackable: ClassVar[bool] = True  # False: several seeds become several runs
    # what the panes may wait for; as `generative` and `latent` > 0 of the model itself
    has_samples: ClassVar[bool] = True
    has_latents: ClassVar[bool] = True
    normalised_prior: ClassVar[bool] = True  # False: log p(z) is known only up to a constant
    explicit_posterior: ClassVar[bool] = True  # q(z|x) has a density, so that its bound can be computed
    # what tells of this family while it trains: a plot for each group of metrics, the most telling one first
    own_metrics: ClassVar[OwnMetrics] = ()
    has_energy_prior: ClassVar[bool] = False  # with chains between prior and posterior, as an LEBM's
    # settings that were added after runs of the family existed: at their defaults they tell no runs apart
    later: ClassVar[tuple[str, ...]] = ()

    kind: str = setting(..., "model family")

    @field_validator("*")
    @classmethod
    def _widths_are_widths(cls, value: Any, info: ValidationInfo) -> Any:
        extra = cls.model_fields[info.field_name].json_schema_extra if info.field_name else None
        if isinstance(extra, dict) and extra.get("widths"):
            for width in value:
                if not 1 <= width <= WIDEST:
                    raise ValueError(f"each width must be at least 1 and at most {WIDEST}, got {width}")
        return value


def hidden(*sizes: int, what: str) -> list[int]:
    """Declare a list of hidden-layer widths, each from 1 to `WIDEST`."""
    field: list[int] = Field(
        list(sizes),
        description=f"widths of the hidden layers of the {what}",
        json_schema_extra={"unit": "units", "widths": True},
        max_length=20,
    )
    return field
