"""The health of a run, judged anew by its curves and its final state."""

from __future__ import annotations

from typing import ClassVar

from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.metric import Metrics, Need


class HealthSettings(EstimateSettings):
    name = "health"
    about = "verdict on each seed: healthy, doubtful or unhealthy, with reasons (docs/health.md)"
    measure = "workbench.engine.health:measure"
    metrics: ClassVar[Metrics] = {}
    needs: ClassVar[tuple[Need, ...]] = ()
    curves = False
