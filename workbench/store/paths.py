"""The only place that knows the names of files in a store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}\Z")
# The files that a row of the list is made of; named apart because thousands of folders are read at once.
ORIGIN, STATE, PROGRESS = "origin.json", "state.json", "progress.json"
RESULT, NOTES, HEALTH = "result.json", "notes.json", "evaluations/health.json"


@dataclass(frozen=True)
class RunPaths:
    """The files of one run folder."""

    root: Path

    @property
    def id(self) -> str:
        return self.root.name

    @property
    def spec(self) -> Path:  # resolved RunSpec, immutable
        return self.root / "spec.toml"

    @property
    def origin(self) -> Path:  # preset, overrides, study, creation time; immutable
        return self.root / ORIGIN

    @property
    def environment(self) -> Path:  # versions, git, host; written by the worker at its first start
        return self.root / "environment.json"

    @property
    def state(self) -> Path:  # queue state; written by the scheduler only
        return self.root / STATE

    @property
    def initial(self) -> Path:  # which weights of training.init_from were loaded; written by the worker
        return self.root / "initial.json"

    @property
    def progress(self) -> Path:  # phase, step, rate; written by shim and worker
        return self.root / PROGRESS

    @property
    def metrics(self) -> Path:  # one JSON object a line; written by the worker only
        return self.root / "metrics.jsonl"

    @property
    def log(self) -> Path:  # the worker's stdout and stderr, capped by the shim
        return self.root / "worker.log"

    @property
    def samples(self) -> Path:  # <step>.npz with `images` uint8 or `points` float32
        return self.root / "samples"

    @property
    def latents(self) -> Path:  # <step>.npz with `z` [S, n, d] float32 and `labels` [n]
        return self.root / "latents"

    @property
    def checkpoints(self) -> Path:  # <step>.pt and <step>.json with its sha256
        return self.root / "checkpoints"

    @property
    def attempts(self) -> Path:
        return self.root / "attempts"

    @property
    def control(self) -> Path:  # requests as files, consumed by the scheduler
        return self.root / "control"

    @property
    def result(self) -> Path:  # written once: the commit point
        return self.root / RESULT

    @property
    def examples(self) -> Path:  # values per test example of the result's metrics; written before it
        return self.root / "examples.npz"

    @property
    def evaluations(self) -> Path:  # estimates made after the end
        return self.root / "evaluations"

    @property
    def notes(self) -> Path:  # user's notes and tags
        return self.root / NOTES

    def attempt(self, number: int) -> AttemptPaths:
        return AttemptPaths(self.attempts / str(number))


@dataclass(frozen=True)
class AttemptPaths:
    """The files of one attempt at a run."""

    root: Path

    @property
    def lock(self) -> Path:  # flock held by shim and worker while either lives
        return self.root / "lock"

    @property
    def claim(self) -> Path:  # who owns the attempt, or that it is void; created with link()
        return self.root / "claim.json"

    @property
    def exit(self) -> Path:  # the worker's exit code, written by the shim
        return self.root / "exit.json"

    @property
    def usage(self) -> Path:  # memory and speed, written by the worker while it trains
        return self.root / "usage.json"


@dataclass(frozen=True)
class StorePaths:
    """The files of a store: run folders, and the hidden folder of the scheduler and the index."""

    root: Path

    @property
    def hidden(self) -> Path:
        return self.root / ".workbench"

    @property
    def marker(self) -> Path:  # {"schema": 1}: marks a folder as a store
        return self.hidden / "store.json"

    @property
    def scheduler_lock(self) -> Path:
        return self.hidden / "scheduler.lock"

    @property
    def scheduler(self) -> Path:  # pid, start time, host of the living scheduler
        return self.hidden / "scheduler.json"

    @property
    def waiting(self) -> Path:  # why each waiting run waits, as its scheduler sees it
        return self.hidden / "waiting.json"

    @property
    def scheduler_log(self) -> Path:
        return self.hidden / "scheduler.log"

    @property
    def bell(self) -> Path:  # touched by clients: look at once
        return self.hidden / "bell"

    @property
    def index(self) -> Path:  # SQLite cache; may be deleted at any time
        return self.hidden / "index.db"

    @property
    def trash(self) -> Path:  # removed runs wait here for an undo
        return self.hidden / "trash"

    def run(self, run_id: str) -> RunPaths:
        """Return the paths of a run; raises ValueError for an id that could leave the store."""
        if not RUN_ID.match(run_id) or run_id in {".", ".."}:
            raise ValueError(f"not a run id: {run_id!r}")
        return RunPaths(self.root / run_id)


def snapshot_steps(folder: Path) -> list[int]:
    """Return the steps that have an npz in `folder`, ascending; unfinished and foreign files are left out."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
    stems = (name[:-4] for name in names if name.endswith(".npz"))
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit() and len(stem) < 16)
