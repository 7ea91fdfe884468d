"""What every model family's settings have in common."""

from __future__ import annotations

from typing import ClassVar, Literal

from workbench.spec.fields import Settings, setting

Activation = Literal["relu", "elu", "silu", "softplus", "tanh", "leaky-relu"]
Likelihood = Literal["bernoulli", "gaussian", "discretised-logistic"]


class ModelSettings(Settings):
    """Base of a family's settings; `kind` chooses the family."""

    engine: ClassVar[str] = ""  # module with `build(...)`, see engine/models/contract.py
    title: ClassVar[str] = ""  # the family's name in tables
    stackable: ClassVar[bool] = True  # False: several seeds become several runs
    # what the panes may wait for; as `generative` and `latent` > 0 of the model itself
    has_samples: ClassVar[bool] = True
    has_latents: ClassVar[bool] = True

    kind: str = setting(..., "model family")


def hidden(*sizes: int, what: str) -> list[int]:
    """Declare a list of hidden-layer widths."""
    field: list[int] = setting(
        list(sizes), f"widths of the hidden layers of the {what}", "units", max_length=20
    )
    return field
