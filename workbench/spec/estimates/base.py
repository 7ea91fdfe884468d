"""What the settings of every estimate have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import field_validator

from workbench.spec.fields import Settings, no_half_precision, setting
from workbench.spec.metric import Metrics, Need, lacking

if TYPE_CHECKING:
    from workbench.spec.models.base import ModelSettings


class EstimateSettings(Settings):
    """Settings of one estimate; its class variables say what it is."""

    name: ClassVar[str] = ""  # as in `workbench evaluate RUN --metric NAME`; empty for a base of others
    about: ClassVar[str] = ""  # one line for lists
    metrics: ClassVar[Metrics] = {}  # what it finds
    measure: ClassVar[str] = ""  # "module:function" of the engine: takes a Task, returns Findings
    needs: ClassVar[tuple[Need, ...]] = ("latents",)  # what a family must have
    curves: ClassVar[bool] = True  # False: pictures, of whose numbers no curve is drawn

    precision: Literal["float32", "float64"] = setting(
        "float32", "numbers the model computes in; sums of weights are float64 in any case"
    )
    _no_half_precision = field_validator("precision", mode="before")(no_half_precision)

    @classmethod
    def unmet_need(cls, model: ModelSettings) -> str:
        """Return why it makes no sense for a model, as far as its settings show; empty if it may."""
        need = lacking(model, cls.needs)
        return f"needs {need}, and the family {model.kind} has none" if need else ""
