"""How members of a group are found: in the modules of a package, or named by installed plug-ins."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from workbench.errors import USAGE, WorkbenchError

T = TypeVar("T")


class Registry(Generic[T]):
    """The members of a package's modules, and of an entry-point group, by their `name`.

    Plug-ins are loaded when a name that is not built in is asked for, or the list of all. One that cannot be
    loaded leaves the others usable.
    """

    def __init__(self, package: str, group: str, is_member: Callable[[Any], bool]) -> None:
        self.package, self.group, self.is_member = package, group, is_member

    @cached_property
    def built_in(self) -> dict[str, T]:
        """The package's own members, in the order of its modules."""
        # found by name: a new module needs no entry in a list
        names = [found.name for found in pkgutil.iter_modules(import_module(self.package).__path__)]
        modules = [import_module(f"{self.package}.{name}") for name in names]  # as above
        items = [item for module in modules for item in vars(module).values()]
        return {item.name: item for item in items if self.is_member(item)}

    @cached_property
    def _plugins(self) -> dict[str, T | WorkbenchError]:
        found: dict[str, T | WorkbenchError] = {}
        for point in sorted(entry_points(group=self.group), key=lambda point: point.name):
            try:
                item = point.load()
                if not (self.is_member(item) and item.name == point.name):
                    raise TypeError(f"{point.value} is none of that name")
                found[point.name] = item
            except Exception as problem:  # another's code runs here: it may raise anything
                package = point.dist.name if point.dist is not None else point.value
                found[point.name] = WorkbenchError(
                    f"Cannot load '{point.name}' of {self.group} ({type(problem).__name__}: {problem}).",
                    f"Repair or remove the package {package}.",
                    USAGE,
                )
        return found

    def known(self) -> dict[str, T]:
        """Return every usable member: the built-in ones first, then those of installed plug-ins."""
        usable = {name: item for name, item in self._plugins.items() if not isinstance(item, WorkbenchError)}
        return {**self.built_in, **usable, **self.built_in}

    def find(self, name: str) -> T | None:
        """Return the member of that name, or None.

        Raises:
            WorkbenchError: if its plug-in cannot be loaded.
        """
        item = self.built_in.get(name) or self._plugins.get(name)
        if isinstance(item, WorkbenchError):
            raise item
        return item
