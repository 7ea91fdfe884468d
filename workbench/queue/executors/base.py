"""The interface between the scheduler and a back end that starts processes: this machine, or a cluster."""

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
    env: tuple[tuple[str, str], ...] = ()  # added to the environment


class Place(Enum):
    """Where an attempt is, as far as the back end knows."""

    PENDING = "pending"  # submitted, the shim has not claimed it yet
    RUNNING = "running"
    GONE = "gone"  # no process is left: the run folder records how it ended
    UNKNOWN = "unknown"  # the back end cannot be reached: do nothing


@dataclass(frozen=True)
class Status:
    """One attempt's place, and what else the back end knows."""

    place: Place
    reason: str = ""
    claimed: bool = True  # False with GONE: the attempt was not claimed, a late shim still may claim it


class Executor(Protocol):
    """A back end. Handles are strings that outlive the scheduler."""

    def submit(self, launch: Launch) -> str:
        """Start an attempt and return its handle.

        Raises:
            OSError: if it cannot be started.
        """

    def poll(self, handles: Iterable[str]) -> dict[str, Status]:
        """Return the status of each handle, in one question to the back end."""

    def stop(self, handle: str, *, kill: bool = False) -> None:
        """Ask the attempt to stop (SIGTERM), or end it and all its processes (SIGKILL)."""
