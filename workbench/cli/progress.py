"""Progress of runs on stderr: moving bars in a terminal, plain lines in a pipe or log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from workbench import api
from workbench.cli.output import talk
from workbench.text import format_duration, safe_text

LINE_SECONDS = 30.0  # between lines about a run whose state and phase stay the same


def progress_display() -> _Lines | _Bars:
    """Return bars where stderr is a terminal, else lines. Use it in a `with` block."""
    return _Bars() if sys.stderr.isatty() else _Lines()


class _Lines:
    """Plain lines for pipes and log files: when a run's state or phase changes, and now and then its ETA."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, float]] = {}  # the phase last printed, and when

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, rows: Sequence[api.runs.RunRow]) -> None:
        for row in rows:
            now, moment = _phase(row), time.monotonic()
            before, when = self._last.get(row.id, ("", 0.0))
            if before == now and (row.eta is None or moment - when < LINE_SECONDS):
                continue
            self._last[row.id] = (now, moment)
            talk(f"{row.id}  {now}{f' {row.step}/{row.total}, {_eta(row)}' if before == now else ''}")


class _Bars:
    """One bar for each run that trains, and one for all when there are several."""

    def __init__(self) -> None:
        from rich import console, progress  # 0.1 s, and only a terminal needs it

        columns = [
            progress.TextColumn(text, markup=False)
            for text in (
                "{task.description}",
                "{task.fields[steps]}",
                "{task.fields[phase]}",
                "{task.fields[eta]}",
            )
        ]
        columns.insert(1, progress.BarColumn(bar_width=24))  # type: ignore[arg-type]
        self._progress = progress.Progress(*columns, console=console.Console(stderr=True), transient=True)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, rows: Sequence[api.runs.RunRow]) -> None:
        if len(rows) > 1:
            over = sum(not row.live for row in rows)
            self._set("", f"{len(rows)} runs", over, len(rows), f"{over}/{len(rows)}", "done", "")
        for row in rows:
            if row.live and (row.state != "queued" or len(rows) == 1):
                name = safe_text(row.name, 30, one_line=True)
                steps = f"{row.step}/{row.total or '?'}"
                phase = safe_text(_phase(row), 400, one_line=True)
                self._set(row.id, name, row.step, max(row.total, 1), steps, phase, _eta(row))
            elif row.id in self._tasks:
                self._progress.remove_task(self._tasks.pop(row.id))

    def _set(self, key: str, name: str, step: int, total: int, steps: str, phase: str, eta: str) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(name, steps="", phase="", eta="")
        self._progress.update(
            self._tasks[key], completed=step, total=total, steps=steps, phase=phase, eta=eta
        )


def _eta(row: api.runs.RunRow) -> str:
    return f"ETA {format_duration(row.eta)}" if row.eta is not None else ""


def _phase(row: api.runs.RunRow) -> str:
    """Return the state with its reason, or the phase of a running worker."""
    doing = row.phase if row.active and row.phase else row.state
    return doing + (f": {row.reason}" if row.reason and row.state != "running" else "")
