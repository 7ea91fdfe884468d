"""Things that happen in a few seconds unless somebody says no."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Countdown:
    """Keys with a deadline each. `due` hands out those whose time has come, once."""

    def __init__(self, seconds: float = 5.0, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._now = now
        self._deadlines: dict[str, float] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._deadlines

    def __bool__(self) -> bool:
        return bool(self._deadlines)

    def begin(self, key: str) -> None:
        """Start the time of a key."""
        self._deadlines[key] = self._now() + self.seconds

    def drop(self, key: str | None = None) -> list[str]:
        """Say no to a key, or to all; return those that were waiting."""
        dropped = [k for k in self._deadlines if key is None or k == key]
        for k in dropped:
            del self._deadlines[k]
        return dropped

    def left(self) -> dict[str, int]:
        """Return the whole seconds left for each key, at least 1."""
        now = self._now()
        return {key: max(1, math.ceil(deadline - now)) for key, deadline in self._deadlines.items()}

    def due(self) -> list[str]:
        """Return and forget the keys whose time has come."""
        now = self._now()
        over = [key for key, deadline in self._deadlines.items() if deadline <= now]
        for key in over:
            del self._deadlines[key]
        return over
