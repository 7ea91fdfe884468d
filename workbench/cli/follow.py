"""Following runs to their end: progress bars with phase and ETA on stderr, results on stdout."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.cli.metric_lines import result_lines
from workbench.cli.output import out, out_json, run_json, span, talk
from workbench.cli.progress import Display, progress_display
from workbench.errors import RUN_FAILED

if TYPE_CHECKING:
    from workbench.api.runs import RunRow
    from workbench.api.stores import Store
    from workbench.spec.schema import RunSpec

TICK = 0.25  # seconds between looks at the store
REVIVE = 5.0  # seconds between checks that a scheduler lives while something waits


def print_queued(ids: Sequence[str], json: bool) -> None:
    """Print the ids of queued runs."""
    if json:
        out_json({"queued": list(ids)})
        return
    for run_id in ids:
        out(run_id)


def follow(store: Store, ids: Sequence[str], json: bool) -> int:
    """Wait until all runs are over and print their results; return the exit code."""
    try:
        rows = _wait(store, ids)
    except KeyboardInterrupt:
        talk("No longer following; the runs go on. `workbench queue ls` shows them.")
        return 130
    return report(store, rows, len(ids), json)


def follow_inline(store: Store, specs: list[RunSpec], preset: str, sets: list[str], json: bool) -> int:
    """Train one run after the other in the foreground, then print their results."""
    from workbench.api.queue import run_inline, submit
    from workbench.api.runs import find_run

    ids = submit(store, specs, preset=preset, overrides=sets, inline=True)
    for number, run_id in enumerate(ids):
        with progress_display() as display:
            run_inline(store, run_id, lambda: _tick(store, ids[number], display))  # noqa: B023 - called at once
            _tick(store, run_id, display)
        if find_run(store, run_id).state == "paused":  # Ctrl-C: stop here, not with the next one
            talk(f"Paused. To go on in the queue: workbench queue resume {' '.join(ids[number:])}")
            return 130
    return report(store, [find_run(store, run_id) for run_id in ids], len(ids), json)


def report(store: Store, rows: Sequence[RunRow], expected: int, json: bool) -> int:
    """Print how runs ended and what they measured; 0 if all finished, else RUN_FAILED."""
    if json:
        out_json([run_json(row) for row in rows])
    for row in rows if not json else ():
        took = f" in {span(row.ended - row.started)}" if row.ended and row.started else ""
        reason = f": {row.reason}" if row.reason and row.state != "finished" else ""
        out(f"{row.id}  {row.state}{took}{reason}")
        for line in result_lines(store, row):
            out(f"  {line}")
    if len(rows) < expected:
        talk(f"{expected - len(rows)} of the runs are no longer in the store.")
    failed = [row for row in rows if row.state != "finished"]
    for row in failed:
        talk(f"{row.id} {row.state}. `workbench runs log {row.id}` shows its log.")
    return RUN_FAILED if failed or len(rows) < expected else 0


def _tick(store: Store, run_id: str, display: Display) -> None:
    """Show a run in the foreground; before its start it is held as paused, which tells nobody anything."""
    from workbench.api.runs import find_run

    row = find_run(store, run_id)
    if row.state != "paused":
        display.show([row])


def _wait(store: Store, ids: Sequence[str]) -> list[RunRow]:
    """Poll until none of the runs is live, showing progress; return their last rows in order."""
    from workbench.api.queue import ensure_scheduler, why_waiting
    from workbench.api.runs import list_runs

    wanted = set(ids)
    looked = time.monotonic()
    told = ""
    with progress_display() as display:
        while True:
            rows = {row.id: row for row in list_runs(store) if row.id in wanted}
            display.show([rows[run_id] for run_id in ids if run_id in rows])
            if not any(row.live for row in rows.values()):
                return [rows[run_id] for run_id in ids if run_id in rows]
            waiting = any(row.state == "queued" for row in rows.values())
            if waiting and time.monotonic() - looked > REVIVE:
                ensure_scheduler(store)
                looked = time.monotonic()
                remark = why_waiting(store, rows.values())
                if remark and remark != told:
                    talk(remark)
                told = remark
            time.sleep(TICK)
