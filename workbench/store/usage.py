"""What an attempt took: memory and speed, recorded by its worker and read by the scheduler."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from socket import gethostname

from workbench.store.files import write_json
from workbench.store.json_fields import number, read_table, whole
from workbench.store.paths import AttemptPaths


@dataclass(frozen=True)
class Usage:
    """Peaks so far in MiB. `card_mb` and `card_free_mb` are the GPU's own, when it was last looked at."""

    gpu_mb: int = 0  # reserved by torch, without the context; 0 on the CPU
    host_mb: int = 0
    card_mb: int = 0
    card_free_mb: int = 0
    steps_per_second: float = 0.0
    host: str = ""

    @property
    def on_gpu(self) -> bool:
        return self.card_mb > 0


def write_usage(attempt: AttemptPaths, usage: Usage) -> None:
    """Replace the attempt's `usage.json`; a full disk must not end a run for it."""
    with contextlib.suppress(OSError):
        write_json(attempt.usage, {"schema": 1, **asdict(usage), "host": gethostname()}, durable=False)


def read_usage(attempt: AttemptPaths) -> Usage | None:
    """Return what the attempt took so far, None if its worker has recorded nothing."""
    body = read_table(attempt.usage)
    if not body:
        return None
    sizes = {name: max(0, whole(body.get(name))) for name in ("gpu_mb", "host_mb", "card_mb", "card_free_mb")}
    rate = number(body.get("steps_per_second")) or 0.0
    return Usage(**sizes, steps_per_second=rate, host=str(body.get("host", "")))
