"""The model families: for each kind, the class of its settings and the module that trains it.

A third party adds a family through the entry-point group `workbench.models`: the entry's name is
the kind, its value a subclass of `ModelSettings` whose `engine` names the module that trains it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from workbench.errors import NOT_FOUND, USAGE, WorkbenchError, did_you_mean
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
    "image-lebm": "workbench.spec.models.image_lebm:ImageLEBMSettings",
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
        found = _plugin(kind, points[0])
    assert issubclass(found, ModelSettings)
    return found


def _plugin(kind: str, point: EntryPoint) -> type[ModelSettings]:
    """Return the class an entry point names; whatever is wrong with a package becomes one sentence."""
    package = point.dist.name if point.dist is not None else point.value
    mend = f"Mend or remove the package {package}."
    try:
        found = point.load()
    except Exception as problem:  # another's code runs here: it may raise anything
        what = f"{type(problem).__name__}: {problem}"
        raise WorkbenchError(f"Model kind '{kind}' could not be loaded ({what}).", mend, USAGE) from problem
    if not (isinstance(found, type) and issubclass(found, ModelSettings)):
        raise WorkbenchError(
            f"Model kind '{kind}': {point.value} is not a subclass of ModelSettings.", mend, USAGE
        )
    return found
