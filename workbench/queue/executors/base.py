"""What the scheduler asks of a back end that starts processes: this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


@dataclass(frozen=True)
class Launch:
    """One attempt to be started. Submitting the same `key` twice starts at most one."""

    key: str  # "<run>.<attempt>"
    argv: tuple[str, ...]  # the shim's command
    log: str  # where the shim's own output goes
    cpus: int = 1
    memory_mb: int = 0
    gpu: float = 0.0
    minutes: int = 0  # 0: no limit
    env: tuple[tuple[str, str], ...] = ()  # added to the environment


class Place(Enum):
    """Where an attempt is, as far as the back end knows."""

    PENDING = "pending"  # submitted, the shim has not claimed it yet
    RUNNING = "running"
    GONE = "gone"  # nothing lives any more: the run folder tells how it ended
    UNKNOWN = "unknown"  # the back end cannot be reached: do nothing


@dataclass(frozen=True)
class Status:
    """One attempt's place, and what else the back end knows."""

    place: Place
    node: str = ""
    reason: str = ""
    code: int | None = None
    claimed: bool = True  # False with GONE: nobody had claimed the attempt, a late shim still may


class Executor(Protocol):
    """A back end. Handles are strings that outlive the scheduler."""

    def slots(self) -> int | None:
        """Return the free places now; None if the back end has a queue of its own."""

    def submit(self, launch: Launch) -> str:
        """Start an attempt and return its handle. Raises OSError if it cannot be started."""

    def find(self, key: str) -> str | None:
        """Return the handle of an attempt submitted earlier, if the back end knows it."""

    def poll(self, handles: Iterable[str]) -> dict[str, Status]:
        """Return the status of each handle, in one question to the back end."""

    def stop(self, handle: str, *, kill: bool = False) -> None:
        """Ask the attempt to stop (SIGTERM), or end it and all its processes (SIGKILL)."""
