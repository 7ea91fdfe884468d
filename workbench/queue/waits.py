"""Why runs wait, for those who look at the queue: the scheduler's reasons, and about how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workbench.store.json_fields import read_table, table
from workbench.store.paths import StorePaths
from workbench.store.run_row import RunRow


def explained(store: StorePaths, rows: Sequence[RunRow]) -> list[RunRow]:
    """Return the rows; the `reason` of those that wait says for what, and how soon it may be free.

    The time is that of the runs which end next on such a device, one for each run before it in the queue.
    """
    waits = table(read_table(store.waiting).get("waits")) if any(r.state == "queued" for r in rows) else {}
    if not waits:
        return list(rows)
    ends = {
        kind: sorted(row.eta for row in rows if row.eta is not None and (kind == "any" or _on_gpu(row)))
        for kind in ("gpu", "any")
    }
    before = {"gpu": 0, "any": 0}
    texts: dict[str, str] = {}
    for run_id, text in waits.items():  # in the order of the queue
        if not isinstance(text, str):
            continue
        kind = "any" if "CPU" in text.partition(":")[0] else "gpu"
        if before[kind] < len(ends[kind]):
            minutes = max(1, round(ends[kind][before[kind]] / 60))
            text = f"{text.removesuffix('.')}, about {minutes} min."
        before[kind] += 1
        texts[run_id] = text
    return [
        replace(row, reason=f"{row.reason} {texts[row.id]}".strip())
        if row.state == "queued" and row.id in texts
        else row
        for row in rows
    ]


def _on_gpu(row: RunRow) -> bool:
    return row.device.startswith("cuda")
