"""Which runs start next: a pure function of what waits, what runs, and what the machine has.

Order is priority, then age. A run that does not fit holds its place: nothing behind it may take the
resource it waits for, so that small runs cannot starve a large one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

# What a worker takes of the host's memory before its data and model are counted (torch alone), MiB.
WORKER_MB = 700
# What a CUDA context takes of a GPU's memory, MiB, and the margin over what a run declares.
CONTEXT_MB = 500
MARGIN = 1.1
TINY = 1e-9


@dataclass(frozen=True)
class Need:
    """A waiting run and what it asks for. memory_mb = 0 means unknown."""

    id: str
    priority: int = 0
    age: float = 0.0  # time of submission; smaller is older
    device: str = "auto"
    threads: int = 1
    gpu_share: float = 1.0
    memory_mb: int = 0
    alone: bool = False  # ran out of memory beside others
    not_before: float = 0.0


@dataclass(frozen=True)
class Load:
    """A run that is placed. `settling`: so young that its memory does not show in the readings yet."""

    device: str
    threads: int = 1
    gpu_share: float = 1.0
    memory_mb: int = 0
    alone: bool = False
    settling: bool = False


@dataclass(frozen=True)
class Gpu:
    """One GPU of the machine; memory in MiB as measured now."""

    index: int
    memory_total_mb: int
    memory_free_mb: int

    @property
    def device(self) -> str:
        return f"cuda:{self.index}"


@dataclass(frozen=True)
class Machine:
    """The machine as measured now. `slots` is the number of CPU threads that runs may take together."""

    slots: int
    memory_free_mb: int
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Runs to start, each with its device; and runs that can never start here, each with the reason."""

    start: tuple[tuple[str, str], ...] = ()
    refuse: tuple[tuple[str, str], ...] = ()


@dataclass
class _Room:
    """What is left while places are given out."""

    machine: Machine
    loads: list[Load]
    closed: set[str] = field(default_factory=set)  # resources that an earlier run waits for

    def takes(self, need: Need, device: str) -> bool:
        """Whether `need` fits on `device` (cpu or cuda:N) now."""
        here = [load for load in self.loads if load.device == device]
        if device in self.closed or any(load.alone for load in here) or (need.alone and here):
            return False
        if not self._host_memory(need):
            return False
        if device == "cpu":
            taken = sum(load.threads for load in self.loads)  # a GPU's worker keeps a core busy too
            return not here or taken + need.threads <= self.machine.slots
        gpu = next(gpu for gpu in self.machine.gpus if gpu.device == device)
        if sum(load.gpu_share for load in here) + need.gpu_share > 1.0 + TINY:
            return False
        return self._gpu_memory(need, gpu, here)

    def _host_memory(self, need: Need) -> bool:
        """An empty machine takes any run: waiting would not give it more memory."""
        young = sum(max(WORKER_MB, load.memory_mb) for load in self.loads if load.settling)
        wanted = max(WORKER_MB, need.memory_mb if need.device == "cpu" else 0)
        return not self.loads or wanted + young <= self.machine.memory_free_mb

    def _gpu_memory(self, need: Need, gpu: Gpu, here: list[Load]) -> bool:
        """Declared memory must fit beside what is measured and what young neighbours have declared."""
        young = sum(_gpu_need(load.memory_mb) for load in here if load.settling)
        free = gpu.memory_free_mb - young
        if need.memory_mb:
            return _gpu_need(need.memory_mb) <= free
        if need.device != "auto":
            return True  # asked for by name and memory unknown: its shares decide
        return free >= need.gpu_share * gpu.memory_total_mb / 2  # others' work may fill it


def _gpu_need(memory_mb: int) -> float:
    return memory_mb * MARGIN + CONTEXT_MB if memory_mb else 0.0


def choose(waiting: Sequence[Need], running: Sequence[Load], machine: Machine, now: float) -> Decision:
    """Return which of `waiting` to start on which device, and which can never start on this machine."""
    room = _Room(machine, list(running))
    start: list[tuple[str, str]] = []
    refuse: list[tuple[str, str]] = []
    for need in sorted(waiting, key=lambda n: (-n.priority, n.age, n.id)):
        if need.not_before > now:
            continue
        wanted = _devices(need, room)
        if not wanted:
            refuse.append((need.id, f"The device {need.device} is not on this machine."))
            continue
        device = next((device for device in wanted if room.takes(need, device)), None)
        if device is None:
            room.closed.update(wanted)
            continue
        start.append((need.id, device))
        load = Load(device, need.threads, need.gpu_share, need.memory_mb, need.alone, settling=True)
        room.loads.append(load)
    return Decision(tuple(start), tuple(refuse))


def _devices(need: Need, room: _Room) -> list[str]:
    """Return the devices that would do, best first: the GPU with most left, then the CPU."""
    here = [gpu.device for gpu in room.machine.gpus]
    if need.device != "auto":
        return [need.device] if need.device in [*here, "cpu"] else []
    taken = {name: sum(load.gpu_share for load in room.loads if load.device == name) for name in here}
    return [*sorted(here, key=lambda name: (taken[name], name)), "cpu"]
