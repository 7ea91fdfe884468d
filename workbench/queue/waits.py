"""Why runs wait, for those who look at the queue: the scheduler's reasons, and about how long."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace

from workbench.store.json_fields import read_table, table
from workbench.store.paths import StorePaths
from workbench.store.run_row import RunRow
from workbench.text import format_duration

SILENT_SECONDS = 30.0  # a worker reports four times a second, but a step may be long


def explained(store: StorePaths, rows: Sequence[RunRow], *, serving: bool) -> list[RunRow]:
    """Return the rows; the `reason` of those that wait says for what, and how soon it may be free.

    The time is that of the runs which end next on such a device, one for each run before it in the queue; for
    a run that follows another it is that of this one. A run without progress says so. `serving`: a scheduler
    lives, so that its reasons are those of now.
    """
    rows = [_stale(row, time.time()) for row in rows]
    waiting = serving and any(row.state == "queued" for row in rows)
    waits = table(read_table(store.waiting).get("waits")) if waiting else {}
    if not waits:
        return rows
    etas = {row.id: row.eta for row in rows if row.eta is not None}
    on_gpus = [etas[row.id] for row in rows if row.id in etas and row.device.startswith("cuda")]
    ends = {"gpu": sorted(on_gpus), "any": sorted(etas.values())}
    before = {"gpu": 0, "any": 0}
    texts: dict[str, str] = {}
    for run_id, text in waits.items():  # in the order of the queue
        if not isinstance(text, str):
            continue
        if other := re.fullmatch(r"Waiting for (\S+) to finish\.", text):
            seconds = etas.get(other[1])
        else:
            kind = "any" if "CPU" in text.partition(":")[0] else "gpu"
            seconds = ends[kind][before[kind]] if before[kind] < len(ends[kind]) else None
            before[kind] += 1
        if seconds is not None:
            text = f"{text.removesuffix('.')}, about {max(1, round(seconds / 60))} min."
        texts[run_id] = text
    return [
        replace(row, reason=f"{row.reason} {texts[row.id]}".strip())
        if row.state == "queued" and row.id in texts
        else row
        for row in rows
    ]


def _stale(row: RunRow, now: float) -> RunRow:
    """Return a run that trains with a remark if its progress is old: its worker hangs, or cannot write."""
    if row.state != "running" or row.phase != "training" or row.heard is None:
        return row
    silent = now - row.heard
    if silent < SILENT_SECONDS:
        return row
    return replace(row, steps_per_second=0.0, reason=f"No progress for {format_duration(silent)}.")
