"""What a run writes while it trains: curves, pictures, latents, progress; forms as in docs/store.md."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.store.files import write_atomic, write_json
from workbench.store.paths import AttemptPaths, RunPaths

if TYPE_CHECKING:  # loads torch, which the worker does after its first progress report
    from workbench.engine.usage import UsageRecord

PROGRESS_SECONDS = 0.25  # at most four progress files a second


class Recorder:
    """The one writer of a run's metrics, samples, latents and progress."""

    def __init__(self, paths: RunPaths) -> None:
        self.paths = paths
        self.attempt: AttemptPaths | None = None  # of the queue, which plans by what it took
        self.usage: UsageRecord | None = None
        self._file = -1
        self.size = 0  # bytes of metrics.jsonl so far
        self._shown = (0.0, 0)  # time and step of the last progress file
        self._phase = ""
        self._rate = 0.0

    def open(self, keep: int) -> None:
        """Open metrics.jsonl and cut it to its first `keep` bytes: what a resumed run had written."""
        for folder in (self.paths.samples, self.paths.latents, self.paths.checkpoints):
            folder.mkdir(exist_ok=True)
        self._file = os.open(self.paths.metrics, os.O_WRONLY | os.O_CREAT, 0o600)
        os.ftruncate(self._file, keep)
        self.size = os.lseek(self._file, keep, os.SEEK_SET)

    def close(self) -> None:
        """Flush metrics.jsonl to disk and close it."""
        if self._file >= 0:
            self.flush()
            os.close(self._file)
            self._file = -1

    def flush(self) -> None:
        """Flush metrics.jsonl to disk, so that a checkpoint's `metrics_bytes` is never beyond it."""
        os.fsync(self._file)

    def row(
        self, step: int, epoch: float, seconds: float, split: str, values: dict[str, list[float]]
    ) -> None:
        """Append one line: for each metric a value per member; non-finite ones are null with a note."""
        line: dict[str, Any] = {
            "step": step,
            "epoch": round(epoch, 4),
            "seconds": round(seconds, 4),
            "split": split,
            "values": {
                name: [v if math.isfinite(v) else None for v in members] for name, members in values.items()
            },
        }
        odd = {
            name: [None if math.isfinite(v) else str(v) for v in members]
            for name, members in values.items()
            if not all(map(math.isfinite, members))
        }
        if odd:
            line["nonfinite"] = odd
        self._append((json.dumps(line, allow_nan=False) + "\n").encode())

    def _append(self, body: bytes) -> None:
        """Write a whole line or none: a short write (full disk) is cut off again, and an error."""
        try:
            written = os.write(self._file, body)
        except OSError as problem:  # it does not name the file
            raise OSError(problem.errno, problem.strerror, str(self.paths.metrics)) from problem
        if written != len(body):
            os.ftruncate(self._file, self.size)
            os.lseek(self._file, self.size, os.SEEK_SET)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.paths.metrics))
        self.size += written

    def arrays(self, folder: Path, step: int, **arrays: np.ndarray) -> None:
        """Write `folder/<step>.npz`, whole or not at all."""
        body = io.BytesIO()
        np.savez_compressed(body, allow_pickle=False, **arrays)
        write_atomic(folder / f"{step}.npz", body.getvalue(), durable=False)

    def progress(self, phase: str, step: int = 0, total: int = 0, seconds: float = 0.0) -> None:
        """Report how far the run is; within a phase at most every `PROGRESS_SECONDS`."""
        now = time.time()
        before, step_before = self._shown
        if phase == self._phase and 0 <= now - before < PROGRESS_SECONDS:
            return
        if phase == "training" == self._phase and now > before:
            rate = (step - step_before) / (now - before)
            self._rate = rate if self._rate == 0 else 0.7 * self._rate + 0.3 * rate
        self._shown, self._phase = (now, step), phase
        write_progress(self.paths, phase, step, total, seconds, self._rate if phase == "training" else 0.0)
        if self.usage is not None and self._rate:  # after the first steps, and then to the end
            self.usage.note(self._rate)


def write_progress(
    paths: RunPaths, phase: str, step: int = 0, total: int = 0, seconds: float = 0.0, rate: float = 0.0
) -> None:
    """Replace progress.json; not flushed, since it is worth nothing after a power cut."""
    body = {
        "schema": 1,
        "phase": phase,
        "step": step,
        "total": total,
        "seconds": round(seconds, 3),
        "steps_per_second": round(rate, 3),
        "time": time.time(),
    }
    write_json(paths.progress, body, durable=False)
