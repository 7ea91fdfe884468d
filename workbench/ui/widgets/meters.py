"""CPU, memory and GPUs in a few characters."""

from __future__ import annotations

from typing import Any


def meter_parts(meters: Any) -> tuple[str, ...]:
    """Return CPU, memory and each GPU as short texts, the most important first."""

    def gib(used: int, total: int) -> str:
        sizes = (size / (1 << 30) for size in (used, total))
        return "/".join(f"{size:.1f}" if size < 10 else f"{size:.0f}" for size in sizes) + "G"

    parts = [f"CPU {meters.cpu_percent:.0f}%", f"mem {gib(meters.memory_used, meters.memory_total)}"]
    for gpu in meters.gpus:
        busy = f" {gpu.percent:.0f}%" if gpu.percent is not None else ""
        parts.append(f"GPU{gpu.index}{busy} {gib(gpu.memory_used, gpu.memory_total)}")
    return tuple(parts)


def fitting(parts: tuple[str, ...], width: int) -> str:
    """Return as many of the parts as fit into `width` cells."""
    text = ""
    for part in parts:
        longer = f"{text}  {part}" if text else part
        if len(longer) > width:
            break
        text = longer
    return text
