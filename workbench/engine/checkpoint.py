"""Checkpoints: everything a run needs to continue as if it had never stopped, each with its checksum."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from workbench.store.files import read_json, write_atomic, write_json
from workbench.store.paths import RunPaths

KEEP = 2  # the newest, and one to fall back to


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint: after how many steps, the trainer's state, and the size of metrics.jsonl then."""

    step: int
    state: dict[str, Any]
    metrics_bytes: int


def save(paths: RunPaths, step: int, state: dict[str, Any], metrics_bytes: int) -> None:
    """Write `checkpoints/<step>.pt`, then its JSON (without which it does not count); drop old ones."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    body = buffer.getvalue()
    paths.checkpoints.mkdir(exist_ok=True)
    write_atomic(paths.checkpoints / f"{step}.pt", body)
    note = {
        "schema": 1,
        "step": step,
        "sha256": hashlib.sha256(body).hexdigest(),
        "metrics_bytes": metrics_bytes,
    }
    write_json(paths.checkpoints / f"{step}.json", note)
    for old in _steps(paths)[KEEP:]:
        for suffix in (".json", ".pt"):
            with contextlib.suppress(OSError):
                (paths.checkpoints / f"{old}{suffix}").unlink()


def load_newest(paths: RunPaths, log: Callable[[str], None] = lambda text: None) -> Checkpoint | None:
    """Return the newest checkpoint whose checksum holds, or None; `log` gets the reasons for others."""
    return next(load_all(paths, log), None)


def load_all(paths: RunPaths, log: Callable[[str], None] = lambda text: None) -> Iterator[Checkpoint]:
    """Yield the checkpoints whose checksums hold, newest first; `log` gets the reasons for others.

    Nothing is unpickled but tensors and plain values (`weights_only`).
    """
    written = paths.metrics.stat().st_size if paths.metrics.exists() else 0
    for step in _steps(paths):
        note = read_json(paths.checkpoints / f"{step}.json")
        problem = _problem(note, paths.checkpoints / f"{step}.pt", step, written)
        if note is not None and not problem:
            try:
                body = (paths.checkpoints / f"{step}.pt").read_bytes()
                if hashlib.sha256(body).hexdigest() == note["sha256"]:
                    state = torch.load(io.BytesIO(body), weights_only=True, map_location="cpu")
                    yield Checkpoint(step, state, note["metrics_bytes"])
                    continue
                problem = "its checksum does not match"
            except Exception as error:  # torch has no common class for what a bad file raises
                problem = f"it cannot be read ({type(error).__name__})"
        log(f"checkpoint {step} is passed over: {problem}")


def _problem(note: Any, body: Path, step: int, written: int) -> str:
    """Return why a checkpoint cannot be used, as far as its JSON shows, or an empty string."""
    wanted = {"schema": int, "step": int, "sha256": str, "metrics_bytes": int}
    if not isinstance(note, dict) or not all(isinstance(note.get(k), t) for k, t in wanted.items()):
        return "its description is damaged"
    if note["schema"] != 1:
        return f"it has layout {note['schema']}, and this version reads 1"
    if note["step"] != step or not body.exists():
        return "its file is missing"
    if not 0 <= note["metrics_bytes"] <= written:
        return "metrics.jsonl is shorter than it was"
    return ""


def _steps(paths: RunPaths) -> list[int]:
    """Return the steps that have a description, newest first."""
    found = [int(p.stem) for p in paths.checkpoints.glob("*.json") if p.stem.isdecimal()]
    return sorted(found, reverse=True)
