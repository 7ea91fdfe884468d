"""The model families: for each kind, the class of its settings and the module that trains it.

A third party adds a family through the entry-point group `workbench.models`: the entry's name is
the kind, its value a subclass of `ModelSettings` whose `engine` names the module that trains it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean
from workbench.spec.models.base import ModelSettings

__all__ = ["ModelSettings", "model_kinds", "settings_class"]

BUILT_IN = {
    "vae": "workbench.spec.models.vae:VAESettings",
    "vae-flow": "workbench.spec.models.vae_flow:VAEFlowSettings",
    "dlgm": "workbench.spec.models.dlgm:DLGMSettings",
    "binary-vae": "workbench.spec.models.binary_vae:BinaryVAESettings",
    "ae-gmm": "workbench.spec.models.ae_gmm:AEGMMSettings",
    "lae": "workbench.spec.models.lae:LAESettings",
    "avb": "workbench.spec.models.avb:AVBSettings",
    "lebm": "workbench.spec.models.lebm:LEBMSettings",
    "ddpm": "workbench.spec.models.ddpm:DDPMSettings",
    "dsm": "workbench.spec.models.dsm:DSMSettings",
    "classifier": "workbench.spec.models.classifier:ClassifierSettings",
}


@cache
def model_kinds() -> tuple[str, ...]:
    """Return every known kind: the built-in ones first, then those of installed plug-ins."""
    plugins = sorted(point.name for point in entry_points(group="workbench.models"))
    return (*BUILT_IN, *(name for name in plugins if name not in BUILT_IN))


@cache
def settings_class(kind: str) -> type[ModelSettings]:
    """Return the settings class of a model kind, or raise a WorkbenchError with a suggestion."""
    if kind in BUILT_IN:
        module, _, name = BUILT_IN[kind].partition(":")
        found = getattr(import_module(module), name)
    else:
        points = [point for point in entry_points(group="workbench.models") if point.name == kind]
        if not points:
            hint = did_you_mean(kind, model_kinds()) or f"Known kinds: {', '.join(model_kinds())}."
            raise WorkbenchError(f"Unknown model kind '{kind}'.", hint, NOT_FOUND)
        found = points[0].load()
    assert issubclass(found, ModelSettings)
    return found
