"""The model families: for each kind, the class of its settings, which names what builds the model.

A built-in family is a module of this package, named as its kind with _ for -; kinds of older versions that
another family has replaced are loaded, and not listed. Another package adds a family
through the entry-point group `workbench.models`: the entry's name is the kind, its value a subclass of
`ModelSettings`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Any

from workbench.errors import NOT_FOUND, USAGE, WorkbenchError, did_you_mean
from workbench.spec.models.base import ModelSettings

__all__ = ["REPLACED", "ModelSettings", "built_in_kinds", "is_kind", "model_kinds", "settings_class"]
REPLACED = {"image-lebm": 'lebm with model.net = "conv"'}  # kind → what new runs use


@cache
def built_in_kinds() -> tuple[str, ...]:
    """Return the kinds of this package, in alphabetical order; their modules are not imported."""
    names = (module.name.replace("_", "-") for module in iter_modules(__path__))
    return tuple(sorted(name for name in names if name != "base" and name not in REPLACED))


@cache
def model_kinds() -> tuple[str, ...]:
    """Return every known kind: the built-in ones first, then those of installed plug-ins."""
    plugins = sorted(point.name for point in entry_points(group="workbench.models"))
    return (*built_in_kinds(), *(name for name in plugins if name not in built_in_kinds()))


def is_kind(kind: Any) -> bool:
    """Return whether there are settings for `kind`, of this version or an older one."""
    return isinstance(kind, str) and (kind in model_kinds() or kind in REPLACED)


@cache
def settings_class(kind: str) -> type[ModelSettings]:
    """Return the settings class of a model kind.

    Raises:
        WorkbenchError: if there is no such kind (exit code NOT_FOUND), or its package is broken.
    """
    if kind in built_in_kinds() or kind in REPLACED:
        module = import_module(f"{__name__}.{kind.replace('-', '_')}")  # only the family in use
        classes = [value for value in vars(module).values() if isinstance(value, type)]
        families = [value for value in classes if issubclass(value, ModelSettings)]
        # the bases that it imports have other kinds, or none
        return next(family for family in families if family.model_fields["kind"].default == kind)
    for point in entry_points(group="workbench.models"):
        if point.name == kind:
            return _plugin(kind, point)
    hint = did_you_mean(kind, model_kinds()) or f"Known kinds: {', '.join(model_kinds())}."
    raise WorkbenchError(f"Unknown model kind '{kind}'.", hint, NOT_FOUND)


def _plugin(kind: str, point: EntryPoint) -> type[ModelSettings]:
    """Return the class that an entry point names.

    Raises:
        WorkbenchError: in one sentence, whatever is wrong with the package.
    """
    package = point.dist.name if point.dist is not None else point.value
    hint = f"Fix or remove the package {package}."
    try:
        found = point.load()
    except Exception as problem:  # code of another package may raise anything
        what = f"{type(problem).__name__}: {problem}"
        raise WorkbenchError(f"Cannot load model kind '{kind}': {what}.", hint, USAGE) from problem
    if not (isinstance(found, type) and issubclass(found, ModelSettings)):
        raise WorkbenchError(
            f"Cannot load model kind '{kind}': {point.value} is not a subclass of ModelSettings.", hint, USAGE
        )
    return found
