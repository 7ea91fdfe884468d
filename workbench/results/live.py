"""One run as it changes: `poll` reads what changed in its folder, the rest answers from memory.

`poll` reads files and may be called from a thread; everything else is cheap enough for a screen, except the
first access to a snapshot, which reads one npz. A run that is over is read in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from workbench.errors import NOT_FOUND, WorkbenchError
from workbench.results.measured import evaluation_lines, result_lines
from workbench.results.series import Series
from workbench.spec.forms import FormField, form_fields
from workbench.spec.resolve import parse_spec
from workbench.spec.schema import RunSpec
from workbench.store.evaluations import newest_health, read_evaluations
from workbench.store.files import last_written, log_tail, open_plain, read_json
from workbench.store.json_fields import number, read_table, table, whole
from workbench.store.metrics import MetricsTail
from workbench.store.paths import HEALTH, RunPaths, StorePaths, snapshot_steps
from workbench.store.snapshots import Latents, Samples, read_latents, read_samples
from workbench.store.state import OVER, State, run_state, state_of, unwritten_state
from workbench.text import cut

LINE = 2000  # characters of one log line that are shown


class HasRoot(Protocol):
    """What is needed of a store."""

    @property
    def root(self) -> Path: ...


@dataclass(frozen=True)
class Progress:
    """How far a run is. `phase` is one of those in docs/store.md, empty before the worker started."""

    state: State = "queued"
    phase: str = ""
    step: int = 0
    total: int = 0
    steps_per_second: float = 0.0
    reason: str = ""  # why it is in this state

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in OVER


class LiveRun:
    """What the panes show of one run. Raises WorkbenchError if there is no such run."""

    def __init__(self, store: HasRoot, run_id: str) -> None:
        try:
            self.paths: RunPaths = StorePaths(Path(store.root)).run(run_id)
        except ValueError:
            raise WorkbenchError(f"'{run_id}' is not a run id.", exit_code=NOT_FOUND) from None
        if not self.paths.root.is_dir():
            raise WorkbenchError(
                f"There is no run '{run_id}' in {store.root}.",
                "See `workbench runs ls`.",
                NOT_FOUND,
            )
        self.id = run_id
        self.version = 0  # grows with every change that `poll` has seen
        # the same by what changed
        self.versions = {"progress": 0, "metrics": 0, "snapshots": 0, "log": 0, "report": 0}
        self.progress = Progress()
        self._tail = MetricsTail(self.paths.metrics)
        self._series: dict[tuple[str, str], Series] = {}
        self._stamps: dict[str, Any] = {}
        self._sample_steps: list[int] = []
        self._latent_steps: list[int] = []
        self._samples: dict[int, tuple[Any, Samples | None]] = {}
        self._latents: dict[int, tuple[Any, Latents | None]] = {}
        self._log: list[str] = []
        self._report: list[str] = []
        self._reading = Lock()  # snapshots are read by the thread that polls and by the one that draws
        self.spec_text, self.spec = self._read_spec()

    def _read_spec(self) -> tuple[str, RunSpec | None]:
        try:
            with open_plain(self.paths.spec) as file:
                text = file.read(1 << 20).decode("utf-8", "replace")
        except OSError:
            return "", None
        try:
            return text, parse_spec(text, "spec.toml")
        except WorkbenchError:  # a newer layout, or a plug-in that is not installed: still shown as text
            return text, None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds trained together, in the order of every array's first axis."""
        if self.spec is not None:
            return tuple(self.spec.seeds)
        widest = max((series.seeds for series in list(self._series.values())), default=1)
        return tuple(range(widest))

    @property
    def label(self) -> str:
        """The run's name."""
        return self.spec.name if self.spec is not None else self.id

    @property
    def bad_lines(self) -> int:
        """Damaged lines of the metrics file that were left out."""
        return self._tail.bad_lines

    def poll(self) -> bool:
        """Look at the run's folder; return whether anything changed since the last look."""
        found = {
            "progress": self._poll_progress(),
            "metrics": self._poll_metrics(),
            "snapshots": self._poll_snapshots(),
            "log": self._poll_log(),
            "report": self._poll_report(),
        }
        for name, changed in found.items():
            self.versions[name] += changed
        self.version += any(found.values())
        return any(found.values())

    def _moved(self, name: str, path: Path) -> bool:
        """Whether a file or folder has another size or time than at the last look."""
        try:
            found = path.stat()
            stamp: Any = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:
            stamp = None
        if name in self._stamps and self._stamps[name] == stamp:
            return False
        self._stamps[name] = stamp
        return True

    def _poll_progress(self) -> bool:
        looked = ("state", self.paths.state), ("progress", self.paths.progress), ("result", self.paths.result)
        moved = [self._moved(name, path) for name, path in looked]  # all are asked: each stamp is taken
        if not any(moved):
            return False
        state, progress, result = (read_json(path) for _, path in looked)
        where = state_of(state) or unwritten_state(self.paths, read_json(self.paths.origin))
        where = run_state(where, result)
        known = table(progress)
        before = self.progress
        self.progress = Progress(
            state=where.state,
            phase=str(known.get("phase", "")),
            step=whole(known.get("step")),
            total=whole(known.get("total")),
            steps_per_second=number(known.get("steps_per_second")) or 0.0,
            reason=where.reason,
        )
        return before != self.progress

    def _poll_metrics(self) -> bool:
        again, rows = self._tail.read()
        if again:
            self._series = {}
        if rows:
            self._append(rows)
        return again or bool(rows)

    def _append(self, rows: list[dict[str, Any]]) -> None:
        """Sort rows into series. A row whose number of seeds differs from the first one's is left out."""
        columns: dict[tuple[str, str], list[tuple[float, float, float, list[float]]]] = {}
        for row in rows:
            x = or_nan(row["step"]), or_nan(row.get("epoch")), or_nan(row["seconds"])
            split = str(row.get("split", "train"))
            for name, values in row["values"].items():
                values = values if isinstance(values, list) else [values]
                # infinite ones become NaN in the series
                numbers = [v if type(v) is float else or_nan(v) for v in values]
                columns.setdefault((name, split), []).append((*x, numbers))
        for key, points in columns.items():
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = Series(*key, seeds=len(points[0][3]))
            kept = [point for point in points if len(point[3]) == series.seeds]
            self._tail.bad_lines += len(points) - len(kept)
            if kept:
                steps, epochs, seconds, values = zip(*kept, strict=True)
                series.append(np.array(steps), np.array(epochs), np.array(seconds), np.array(values))

    def _poll_snapshots(self) -> bool:
        samples = self._moved("samples", self.paths.samples)
        latents = self._moved("latents", self.paths.latents)
        if samples:
            self._sample_steps = snapshot_steps(self.paths.samples)
            if self._samples:  # they are on screen: read the newest here, not while drawing
                self.samples()
        if latents:
            self._latent_steps = snapshot_steps(self.paths.latents)
            if self._latents:
                self.latents()
        return samples or latents

    def _poll_log(self) -> bool:
        if not self._moved("log", self.paths.log):
            return False
        lines = log_tail(self.paths.log).split("\n")
        self._log = [cut(last_written(line).expandtabs(4), LINE) for line in lines]
        if self._log and not self._log[-1]:
            self._log.pop()
        return True

    def _poll_report(self) -> bool:
        looked = ("written", self.paths.result), ("evaluations", self.paths.evaluations)
        moved = [self._moved(name, path) for name, path in looked]  # all are asked: each stamp is taken
        if not any(moved):
            return False
        bodies = [read_table(path) for path in (self.paths.result, self.paths.root / HEALTH)]
        self._report = result_lines(self.paths, self.seeds, newest_health(*bodies))
        for found in read_evaluations(self.paths):
            self._report += ["", *evaluation_lines(found)]
        return True

    def names(self) -> list[tuple[str, str]]:
        """Return (metric, split) of every curve there is so far, in order of appearance."""
        return list(self._series)

    def series(self, metric: str, split: str = "train") -> Series:
        """Return a curve; an empty one if the run has not written it (yet)."""
        return self._series.get((metric, split)) or Series(metric, split, len(self.seeds))

    def sample_steps(self) -> list[int]:
        """Return the steps at which samples were drawn, ascending."""
        return self._sample_steps

    def latent_steps(self) -> list[int]:
        """Return the steps at which latents were kept, ascending."""
        return self._latent_steps

    def samples(self, step: int | None = None) -> Samples | None:
        """Return the samples drawn at `step` (default: the newest), or None where there are none to read."""
        if step is None:
            step = self._sample_steps[-1] if self._sample_steps else None
        return None if step is None else self._read(self._samples, self.paths.samples, step, read_samples)

    def latents(self, step: int | None = None) -> Latents | None:
        """Return the latents kept at `step` (default: the newest), or None where there are none to read."""
        if step is None:
            step = self._latent_steps[-1] if self._latent_steps else None
        return None if step is None else self._read(self._latents, self.paths.latents, step, read_latents)

    def _read(self, cache: dict[int, tuple[Any, Any]], folder: Path, step: int, read: Any) -> Any:
        with self._reading:
            return _cached(cache, folder, step, read)

    def log_lines(self, n: int = 1000) -> list[str]:
        """Return the last `n` lines of the worker's log."""
        return self._log[-n:] if n > 0 else []

    def report_lines(self) -> list[str]:
        """Return the final metrics, the health of each seed, and all evaluations, as lines of text."""
        return self._report

    def settings(self) -> list[FormField]:
        """Return every setting of the run's spec with its default; empty where the spec cannot be parsed."""
        return form_fields(self.spec) if self.spec is not None else []


def _cached(cache: dict[int, tuple[Any, Any]], folder: Path, step: int, read: Any) -> Any:
    """Read a snapshot once, and again if its file was replaced (a resumed run repeats its steps)."""
    try:
        found = (folder / f"{step}.npz").stat()
    except OSError:
        return None
    stamp = found.st_mtime_ns, found.st_size, found.st_ino
    if step not in cache or cache[step][0] != stamp:
        if len(cache) > 8:  # stepping through snapshots must not pile them up
            cache.pop(next(iter(cache)))
        cache[step] = stamp, read(folder, step)
    return cache[step][1]


def or_nan(value: Any) -> float:
    """Return a finite number as it is, NaN for anything else."""
    found = number(value)
    return float("nan") if found is None else found
