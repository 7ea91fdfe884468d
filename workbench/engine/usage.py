"""How much memory an attempt takes and how fast it is, recorded so that the next runs are placed by it."""

from __future__ import annotations

import contextlib
import resource

import torch

from workbench.store.paths import AttemptPaths
from workbench.store.usage import Usage, write_usage

MIB = 1 << 20
CHANGE = 0.05  # relative change of a peak or the speed that is worth a new record


class UsageRecord:
    """Keeps `usage.json` of one attempt up to date; cheap enough for every progress report."""

    def __init__(self, attempt: AttemptPaths, device: torch.device) -> None:
        self._attempt, self._device = attempt, device
        self._written = Usage()

    def note(self, rate: float = 0.0, *, last: bool = False) -> None:
        """Record the peaks and the `rate` (steps per second; 0: as before), if changed or the `last` time."""
        old = self._written
        peak, card, free = old.gpu_mb, old.card_mb, old.card_free_mb
        if self._device.type == "cuda":
            with contextlib.suppress(RuntimeError):  # a card that fails must not hide the first error
                peak = torch.cuda.max_memory_reserved(self._device) // MIB
                free, card = (size // MIB for size in torch.cuda.mem_get_info(self._device))
        host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        now = Usage(peak, host, card, free, rate or old.steps_per_second)
        pairs = ((peak, old.gpu_mb), (host, old.host_mb), (now.steps_per_second, old.steps_per_second))
        if last or any(abs(new - before) > CHANGE * before for new, before in pairs):
            write_usage(self._attempt, now)
            self._written = now
