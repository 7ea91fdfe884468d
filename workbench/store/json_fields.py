"""Fields of a JSON document that may hold anything: the value if it has the wanted type, else nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.store.files import read_json

LARGEST_INT = 10**300  # a JSON file may hold integers that no float can


def table(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def read_table(path: str | Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if it is absent, damaged, or holds anything else."""
    return table(read_json(path))


def items(value: Any) -> list[Any]:
    """Return `value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """Return a finite number as a float; None for anything else, true and false included."""
    if type(value) is not float:
        if type(value) is not int or abs(value) > LARGEST_INT:
            return None
        return float(value)
    return value if value - value == 0.0 else None


def whole(value: Any) -> int:
    """Return a number without its fraction; 0 for anything else, and for what a float holds inexactly."""
    found = number(value)
    return int(value) if found is not None and abs(found) < 2**53 else 0
