"""How much memory of a device is free."""

from __future__ import annotations

from pathlib import Path

import psutil
import torch

CGROUP = Path("/sys/fs/cgroup")  # of a container: its limit and what it uses


def free_bytes(device: torch.device | str) -> int:
    """Return the memory of the device that is free, in bytes; of a container, what it may still use."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no such files, or no limit: "max"
        return free
    return min(free, max(0, limit - used))
