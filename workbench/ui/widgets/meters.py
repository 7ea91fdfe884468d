"""CPU, memory and GPUs in a few characters."""

from __future__ import annotations

from typing import Any


def meter_parts(meters: Any) -> tuple[str, ...]:
    """Return CPU, memory and each GPU as short texts, the most wanted first."""
    parts = [f"CPU {meters.cpu_percent:.0f}%", f"mem {_gib(meters.memory_used)}/{_gib(meters.memory_total)}G"]
    for gpu in meters.gpus:
        busy = f" {gpu.percent:.0f}%" if gpu.percent is not None else ""
        parts.append(f"GPU{gpu.index}{busy} {_gib(gpu.memory_used)}/{_gib(gpu.memory_total)}G")
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


def _gib(size: int) -> str:
    gib = size / (1 << 30)
    return f"{gib:.1f}" if gib < 10 else f"{gib:.0f}"
