"""Following runs to their end: progress bars with phase and ETA on stderr, results on stdout."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench import api
from workbench.cli.output import out, out_json, run_json, talk
from workbench.cli.progress import progress_display
from workbench.errors import RUN_FAILED
from workbench.text import format_duration

if TYPE_CHECKING:
    from workbench.spec.schema import RunSpec

TICK = 0.25  # seconds between polls of the store
REVIVE = 5.0  # seconds between checks that a scheduler lives while something waits


def print_queued(ids: Sequence[str], json: bool, source: api.sources.Source | None = None) -> None:
    """Print the ids of queued runs, and in JSON the run that they repeat."""
    if json:
        out_json({"queued": list(ids), **_repeated(source)})
    else:
        out("\n".join(ids))


def _repeated(source: api.sources.Source | None) -> dict[str, Any]:
    """Return what JSON says of the run that is repeated, and of its code; nothing if none is."""
    if source is None or source.code is None:
        return {}
    return {"rerun_of": source.run, "code": source.code}


def follow(
    store: api.stores.Store,
    ids: Sequence[str],
    json: bool,
    source: api.sources.Source | None = None,
    *,
    paused_ends: bool = False,
) -> int:
    """Poll until all runs are over, showing progress; print their results and return the exit code.

    With `paused_ends`, a paused run counts as over.
    """
    rows = watch(store, ids, paused_ends=paused_ends)
    return 130 if rows is None else report(store, rows, len(ids), json, source)


def watch(
    store: api.stores.Store, ids: Sequence[str], *, paused_ends: bool = False
) -> list[api.runs.RunRow] | None:
    """Poll until all runs are over, showing progress; return their rows, None after Ctrl-C."""
    checked = time.monotonic()
    last_remark = ""
    try:
        with progress_display() as display:
            while True:
                found = {row.id: row for row in api.queue.explained(store, api.runs.list_runs(store))}
                rows = [found[run_id] for run_id in ids if run_id in found]
                display.show(rows)
                if not any(row.live and not (paused_ends and row.state == "paused") for row in rows):
                    return rows
                if any(row.state == "queued" for row in rows) and time.monotonic() - checked > REVIVE:
                    api.queue.ensure_scheduler(store)
                    checked = time.monotonic()
                    remark = api.queue.why_waiting(store, rows)
                    if remark and remark != last_remark:
                        talk(remark)
                    last_remark = remark
                time.sleep(TICK)
    except KeyboardInterrupt:
        talk("No longer following; the runs continue in the background. `workbench queue ls` lists them.")
        return None


def follow_inline(
    store: api.stores.Store,
    specs: list[RunSpec],
    submission: dict[str, Any],
    source: api.sources.Source,
    json: bool,
) -> int:
    """Train one run after the other in the foreground, then print their results.

    `submission` are the other arguments of `api.queue.submit`.
    """
    ids = api.queue.submit(store, specs, **submission, inline=True)
    for number, run_id in enumerate(ids):
        with progress_display() as display:

            def tick() -> None:
                row = api.runs.find_run(store, ids[number])  # noqa: B023 - called before the next turn
                if row.state != "paused":  # as which it is held before its start
                    display.show([row])

            api.queue.run_inline(store, run_id, tick)
            tick()
        if api.runs.find_run(store, run_id).state == "paused":  # Ctrl-C: stop here, not with the next one
            talk(f"Paused. Continue in the queue: workbench queue resume {' '.join(ids[number:])}")
            return 130
    return report(store, [api.runs.find_run(store, run_id) for run_id in ids], len(ids), json, source)


def report(
    store: api.stores.Store,
    rows: Sequence[api.runs.RunRow],
    expected: int,
    json: bool,
    source: api.sources.Source | None = None,
) -> int:
    """Print how runs ended and their final metrics; return 0 if all finished, else RUN_FAILED."""
    if json:
        out_json([{**run_json(row), **_repeated(source)} for row in rows])
    for row in rows if not json else ():
        took = f" in {format_duration(row.took)}" if row.took is not None else ""
        reason = f": {row.reason}" if row.reason and row.state != "finished" else ""
        out(f"{row.id}  {row.state}{took}{reason}", one_line=True)
        for line in api.evaluations.result_lines(store, row):
            out(f"  {line}", one_line=True)
    if len(rows) < expected:
        talk(f"{expected - len(rows)} of the runs are no longer in the store.")
    failed = [row for row in rows if row.state != "finished"]
    for row in failed:
        talk(f"{row.id} {row.state}. `workbench runs log {row.id}` shows its log.")
    return RUN_FAILED if failed or len(rows) < expected else 0
