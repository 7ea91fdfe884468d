"""Actions that happen in a few seconds unless they are cancelled."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Countdown(dict[str, float]):
    """Deadlines of pending actions by key."""

    def __init__(self, seconds: float = 5.0, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.seconds = seconds
        self._now = now

    def begin(self, key: str) -> None:
        """Start the time of a key."""
        self[key] = self._now() + self.seconds

    def left(self) -> dict[str, int]:
        """Return the whole seconds left for each key, at least 1."""
        now = self._now()
        return {key: max(1, math.ceil(deadline - now)) for key, deadline in self.items()}

    def due(self) -> list[str]:
        """Return and forget the keys whose time is over."""
        now = self._now()
        over = [key for key, deadline in self.items() if deadline <= now]
        for key in over:
            del self[key]
        return over
