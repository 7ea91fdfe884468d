"""All panes by the name a screen uses for them."""

from __future__ import annotations

from workbench.ui.widgets.config_pane import ConfigPane
from workbench.ui.widgets.curve_pane import CurvePane
from workbench.ui.widgets.log_pane import LogPane
from workbench.ui.widgets.model_pane import ModelPane
from workbench.ui.widgets.pane import Pane
from workbench.ui.widgets.sample_pane import SamplePane
from workbench.ui.widgets.scatter_pane import ScatterPane
from workbench.ui.widgets.text_pane import TextPane

__all__ = ["PANES", "ConfigPane", "CurvePane", "LogPane", "ModelPane", "SamplePane", "ScatterPane"]

PANES: dict[str, type[Pane] | type[TextPane]] = {
    "curves": CurvePane,
    "model": ModelPane,
    "latents": ScatterPane,
    "samples": SamplePane,
    "log": LogPane,
    "config": ConfigPane,
}
