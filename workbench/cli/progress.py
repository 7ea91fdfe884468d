"""How far runs are, on stderr: moving bars in a terminal, plain lines in a pipe or log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from workbench.cli.output import span, talk
from workbench.text import safe_text

if TYPE_CHECKING:
    from workbench.api.runs import RunRow


LINE_SECONDS = 30.0  # between lines about a run that only goes on


class Display(Protocol):
    """Something that shows how far runs are."""

    def show(self, rows: Sequence[RunRow]) -> None: ...


def progress_display() -> _Lines | _Bars:
    """Return bars where stderr is a terminal, else lines. Use it in a `with` block."""
    return _Bars() if sys.stderr.isatty() else _Lines()


class _Lines:
    """Plain lines for pipes and log files: when a run's state or phase changes, and now and then its ETA."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, float]] = {}  # what was said, and when

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, rows: Sequence[RunRow]) -> None:
        for row in rows:
            now, moment = _phase(row), time.monotonic()
            said, when = self._last.get(row.id, ("", 0.0))
            if said == now and (row.eta is None or moment - when < LINE_SECONDS):
                continue
            self._last[row.id] = (now, moment)
            talk(f"{row.id}  {now}{f' {row.step}/{row.total}, {_eta(row)}' if said == now else ''}")


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
                name = safe_text(row.name, 30, one_line=True)
                total = max(row.total, 1)
                self._set(
                    row.id, name, row.step, total, f"{row.step}/{row.total or '?'}", _phase(row), _eta(row)
                )
            elif row.id in self._tasks:
                self._progress.remove_task(self._tasks.pop(row.id))

    def _set(self, key: str, name: str, step: int, total: int, steps: str, phase: str, eta: str) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(name, steps="", phase="", eta="")
        self._progress.update(
            self._tasks[key], completed=step, total=total, steps=steps, phase=phase, eta=eta
        )


def _eta(row: RunRow) -> str:
    return f"ETA {span(row.eta)}" if row.eta is not None else ""


def _phase(row: RunRow) -> str:
    """The state, or what a living worker is doing."""
    doing = row.phase if row.active and row.phase else row.state
    reason = f": {row.reason}" if row.reason and row.state != "running" else ""
    return safe_text(f"{doing}{reason}", 400, one_line=True)
