"""Seeds as users write them: `3` means 0, 1, 2; `0,7,9` means these."""

from __future__ import annotations

from typing import Any

from workbench.errors import WorkbenchError

MAX_SEEDS = 1000
_HELP = "Write a count (3 means 0,1,2), or seeds such as 0,7,9; a single seed 7 is written 7, with its comma."


def seeds_from(value: Any) -> list[int]:
    """Return the seeds meant by a count, a list, or text.

    Raises:
        WorkbenchError: if they are no seeds, too many, or not distinct.
    """
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MAX_SEEDS:
            raise WorkbenchError(f"The number of seeds must lie between 1 and {MAX_SEEDS}.", _HELP)
        return list(range(value))
    if not isinstance(value, list | tuple) or any(
        isinstance(seed, bool) or not isinstance(seed, int) for seed in value
    ):
        raise WorkbenchError(f"Seeds must be whole numbers, got {value!r}.", _HELP)
    seeds = list(value)
    if not 1 <= len(seeds) <= MAX_SEEDS:
        raise WorkbenchError(f"The number of seeds must lie between 1 and {MAX_SEEDS}.", _HELP)
    if len(set(seeds)) != len(seeds):
        raise WorkbenchError("Seeds must differ from each other.", _HELP)
    if any(not 0 <= seed < 2**31 for seed in seeds):
        raise WorkbenchError("Seeds must lie between 0 and 2147483647.", _HELP)
    return seeds


def _from_text(text: str) -> list[int]:
    """Parse `3`, `0,7,9` or `7,`."""
    parts = [part.strip() for part in text.split(",")]
    listed = len(parts) > 1
    if listed and not parts[-1]:
        parts.pop()
    if not all(part.isascii() and part.isdigit() and len(part) <= 10 for part in parts):
        raise WorkbenchError(f"Invalid seeds: '{text}'.", _HELP)
    numbers = [int(part) for part in parts]
    return seeds_from(numbers) if listed else seeds_from(numbers[0])
