"""How members of a group are found: in the modules of a package, or named by an installed plug-in."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from workbench.errors import USAGE, WorkbenchError


def members_of(package: str, is_member: Callable[[Any], bool]) -> dict[str, Any]:
    """Return the members defined in the modules of a package by their `name`, in the order of the modules."""
    modules = [
        import_module(f"{package}.{found.name}")
        for found in pkgutil.iter_modules(import_module(package).__path__)
    ]
    items = [item for module in modules for item in vars(module).values()]
    return {item.name: item for item in items if is_member(item)}


def plugins_of(
    group: str, is_member: Callable[[Any], bool]
) -> tuple[dict[str, Any], dict[str, WorkbenchError]]:
    """Return the members that the entry points of a group name, and why others cannot be used, by name.

    One broken package does not make the others unusable: its error is raised when its member is asked for.
    """
    found, broken = {}, {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            item = point.load()
            if not (is_member(item) and item.name == point.name):
                raise TypeError(f"{point.value} is none of that name")
        except Exception as problem:  # another's code runs here: it may raise anything
            package = point.dist.name if point.dist is not None else point.value
            broken[point.name] = WorkbenchError(
                f"Cannot load '{point.name}' of {group} ({type(problem).__name__}: {problem}).",
                f"Repair or remove the package {package}.",
                USAGE,
            )
        else:
            found[point.name] = item
    return found, broken
