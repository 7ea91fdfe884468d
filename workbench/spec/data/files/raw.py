"""What a reader of files returns, and how faults in files are reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import DATA, WorkbenchError

Array = NDArray[Any]
# makes an array to be filled: a memory map in the cache, or memory where that cannot be written
Allocate = Callable[[str, tuple[int, ...], Any], Array]
Place = Callable[[int, Sequence[int]], str]  # row and position in the example → "line 3, column 'x'"


def refused(what: Path | str, reason: str, hint: str = "") -> WorkbenchError:
    """Return the error about a file that cannot be used: one sentence with its place."""
    return WorkbenchError(f"Cannot read {what}: {reason}.", hint, DATA)


@dataclass
class Raw:
    """Examples [N, …] and labels [N] as read, before any check. `test` None: no split of its own."""

    examples: Array
    labels: Array | None
    test: Array | None
    test_labels: Array | None
    place: Place
    test_place: Place
    top: int = 0  # the largest value that the format can hold, if that is the range; 0: found from the data
    skipped: list[str] = field(default_factory=list)  # files that cannot be read, with the reason
    notes: list[str] = field(default_factory=list)


def array_place(name: str) -> Place:
    """Return the place of a value in an array: x[3, 0, 7]."""
    return lambda row, position: f"{name}[{', '.join(map(str, (row, *position)))}]"


def memory(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """Allocate in memory."""
    return np.empty(shape, dtype)
