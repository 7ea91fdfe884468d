"""What the scheduler reads of its machine: processors, memory, GPUs, and whether it can be written to."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace

from workbench.queue import devices
from workbench.queue.devices import MIB
from workbench.queue.policy import Gpu, Machine
from workbench.store.store import Store
from workbench.text import plural

READING_SECONDS = 1.0  # between readings
FEWEST_FILES = 1000  # inodes; below it nothing new is started
PROBE_BYTES = 1 << 20  # larger than any file of the queue itself: limits may let small ones pass
PROBE_SECONDS = (2.0, 60.0)  # from the first to the longest time between two probes


class Readings:
    """One machine, read at most once a second, and the reason that keeps the queue from starting runs."""

    def __init__(self, store: Store, limits: Machine, disk_floor_mb: int) -> None:
        """`limits` has the settings of the machine; what is measured is filled in."""
        self._store, self._floor = store, disk_floor_mb
        self.gpus: tuple[devices.Gpu, ...] = ()
        self.machine = limits
        self.obstacle = ""
        self._most_gpus = 0
        self._read_at = float("-inf")
        self._held = ""
        self._probe_at, self._pause = 0.0, PROBE_SECONDS[0]

    def refresh(self) -> None:
        """Read again if the last reading is old."""
        now = time.monotonic()
        if now - self._read_at < READING_SECONDS:
            return
        self._read_at = now
        self.gpus = devices.gpus()
        self._most_gpus = max(self._most_gpus, len(self.gpus))
        rooms = as_rooms(self.gpus)
        free, lost = devices.free_memory_mb(), len(rooms) < self._most_gpus
        self.machine = replace(self.machine, memory_free_mb=free, gpus=rooms, lost_gpus=lost)
        self.obstacle = self._disk() or self._probe()

    def hold(self, reason: str) -> None:
        """Start nothing until a file can be written again: the machine is at fault, and no run."""
        if not self._held:
            self._probe_at = time.monotonic() + self._pause
        self._held = reason
        self.obstacle = self._held_text()

    def _held_text(self) -> str:
        return f"Held by a fault of the machine: {self._held} Runs continue by themselves when it is over."

    def _disk(self) -> str:
        """Return why the store has no room for runs."""
        try:
            disk = os.statvfs(self._store.root)
        except OSError as error:
            return f"Cannot read the store: {error.strerror}."
        free = disk.f_bavail * disk.f_frsize // MIB
        if free < self._floor:
            kept = f"{self._floor} are kept free. Free some space."
            return f"Cannot start runs: {free} MiB of disk space left, {kept}"
        if disk.f_files and disk.f_favail < FEWEST_FILES:
            return (
                f"Cannot start runs: room for {plural(disk.f_favail, 'more file')} on the disk. Delete some."
            )
        return "" if os.access(self._store.root, os.W_OK) else "Cannot start runs: the store is read-only."

    def _probe(self) -> str:
        """While held, write a file now and then; return why nothing is started, empty once it succeeds."""
        now = time.monotonic()
        if not self._held:
            return ""
        if now < self._probe_at:
            return self._held_text()
        path = self._store.paths.hidden / ".probe"
        try:
            with path.open("wb") as file:
                file.write(bytes(PROBE_BYTES))
                os.fsync(file.fileno())
        except OSError as error:
            self._held = f"Cannot write to the store: {error.strerror}."
            self._pause = min(2 * self._pause, PROBE_SECONDS[1])
            self._probe_at = now + self._pause
            return self._held_text()
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
        self._held, self._pause = "", PROBE_SECONDS[0]
        return ""


def as_rooms(gpus: tuple[devices.Gpu, ...]) -> tuple[Gpu, ...]:
    """Return the GPUs as the policy counts them."""
    return tuple(
        Gpu(g.index, g.memory_total // MIB, (g.memory_total - g.memory_used) // MIB, g.uuid) for g in gpus
    )
