"""Following runs to their end: progress bars with phase and ETA on stderr, results on stdout."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.cli.output import out, out_json, span, talk
from workbench.errors import RUN_FAILED
from workbench.spec.text import safe_text

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
    return report(rows, len(ids), json)


def follow_inline(store: Store, specs: list[RunSpec], preset: str, sets: list[str], json: bool) -> int:
    """Train one run after the other in the foreground, then print their results."""
    from workbench.api.queue import run_inline, submit
    from workbench.api.runs import find_run

    ids = submit(store, specs, preset=preset, overrides=sets, start=False)
    for run_id in ids:
        talk(f"training {run_id}")
        run_inline(store, run_id)
    return report([find_run(store, run_id) for run_id in ids], len(ids), json)


def report(rows: Sequence[RunRow], expected: int, json: bool) -> int:
    """Print how runs ended and what they measured; 0 if all finished, else RUN_FAILED."""
    if json:
        out_json(list(rows))
    for row in rows if not json else ():
        took = f" in {span(row.ended - row.started)}" if row.ended and row.started else ""
        reason = f": {row.reason}" if row.reason and row.state != "finished" else ""
        out(f"{row.id}  {row.state}{took}{reason}")
        for line in summary_lines(row):
            out(f"  {line}")
    if len(rows) < expected:
        talk(f"{expected - len(rows)} of the runs are no longer in the store.")
    failed = [row for row in rows if row.state != "finished"]
    for row in failed:
        talk(f"{row.id} {row.state}. `workbench runs log {row.id}` shows its log.")
    return RUN_FAILED if failed or len(rows) < expected else 0


def summary_lines(row: RunRow) -> list[str]:
    """Return one line for each final metric: mean ± std over seeds, unit, number of seeds."""
    from workbench.spec.metrics import metric

    lines = []
    for name, values in row.summary.items():
        known = [value for value in values if value is not None]
        about = metric(name)
        if not known:
            text = "not finite"
        elif len(known) == 1:
            text = f"{known[0]:.4g}"
        else:
            text = f"{statistics.fmean(known):.4g} ± {statistics.stdev(known):.2g}"
        of_all = "" if len(known) == len(values) else f" of {len(values)}"
        count = f"  ({len(known)}{of_all} seeds)" if len(values) > 1 else ""
        lines.append(f"{safe_text(about.label, 40, one_line=True):<28} {text} {about.unit}{count}".rstrip())
    return lines


def _wait(store: Store, ids: Sequence[str]) -> list[RunRow]:
    """Poll until none of the runs is live, showing progress; return their last rows in order."""
    from workbench.api.queue import ensure_scheduler
    from workbench.api.runs import list_runs

    wanted = set(ids)
    looked = time.monotonic()
    with _display() as display:
        while True:
            rows = {row.id: row for row in list_runs(store) if row.id in wanted}
            display.show([rows[run_id] for run_id in ids if run_id in rows])
            if not any(row.live for row in rows.values()):
                return [rows[run_id] for run_id in ids if run_id in rows]
            waiting = any(row.state == "queued" for row in rows.values())
            if waiting and time.monotonic() - looked > REVIVE:
                ensure_scheduler(store)
                looked = time.monotonic()
            time.sleep(TICK)


def _display() -> _Lines | _Bars:
    return _Bars() if sys.stderr.isatty() else _Lines()


class _Lines:
    """Plain lines for pipes and log files: one whenever a run's state or phase changes."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, rows: Sequence[RunRow]) -> None:
        for row in rows:
            now = _phase(row)
            if self._last.get(row.id) != now:
                self._last[row.id] = now
                talk(f"{row.id}  {now}")


class _Bars:
    """One bar for each run that trains, and one for all when there are several."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[steps]}", markup=False),
            TextColumn("{task.fields[phase]}", markup=False),
            TextColumn("{task.fields[eta]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, rows: Sequence[RunRow]) -> None:
        if len(rows) > 1:
            over = sum(not row.live for row in rows)
            self._set("", f"{len(rows)} runs", over, len(rows), f"{over}/{len(rows)}", "done", "")
        for row in rows:
            if row.live and (row.state != "queued" or len(rows) == 1):
                eta = f"ETA {span(row.eta)}" if row.eta is not None else ""
                name = safe_text(row.name, 30, one_line=True)
                total = max(row.total, 1)
                self._set(row.id, name, row.step, total, f"{row.step}/{row.total or '?'}", _phase(row), eta)
            elif row.id in self._tasks:
                self._progress.remove_task(self._tasks.pop(row.id))

    def _set(self, key: str, name: str, step: int, total: int, steps: str, phase: str, eta: str) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(name, steps="", phase="", eta="")
        self._progress.update(
            self._tasks[key], completed=step, total=total, steps=steps, phase=phase, eta=eta
        )


def _phase(row: RunRow) -> str:
    """The state, or what a living worker is doing."""
    doing = row.phase if row.state in ("starting", "running") and row.phase else row.state
    reason = f": {row.reason}" if row.reason and row.state != "running" else ""
    return safe_text(f"{doing}{reason}", 120, one_line=True)
