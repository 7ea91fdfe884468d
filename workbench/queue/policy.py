"""Which runs start next: a pure function of what waits, what runs, and what the machine has.

Order is priority, then age. A run that does not fit reserves one place: the GPU with the most room, or the
CPU. Nothing behind it may take that place, so that small runs cannot starve a large one, and the others stay
open. Memory decides how many runs share a GPU: what a run declares, what earlier runs of its group took, or
half a card while neither is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from workbench.text import format_bytes, plural

# What a worker takes of the host's memory before its data and model are counted (torch alone), MiB.
WORKER_MB = 700
# What a CUDA context takes of a GPU's memory, MiB, and the margin over what a run declares or took before.
CONTEXT_MB = 500
MARGIN = 1.1
LARGEST = 0.95  # of a GPU's memory: more is not asked for, since the driver keeps some
TINY = 1e-9
EARLIER = "earlier runs go first"


class Card(Protocol):
    """What names a GPU: its number in PCI order, and its UUID."""

    @property
    def index(self) -> int: ...
    @property
    def uuid(self) -> str: ...


C = TypeVar("C", bound=Card)


def visible(found: Sequence[C], chosen: str | None) -> tuple[C, ...]:
    """Keep the GPUs that a CUDA_VISIBLE_DEVICES names (numbers or UUID prefixes); None keeps all."""
    if chosen is None:
        return tuple(found)
    kept: list[C] = []
    for word in (part.strip() for part in chosen.split(",")):
        number = int(word) if word.isdecimal() else -1
        by_uuid = word.startswith("GPU-")
        match = [g for g in found if g.index == number or (by_uuid and g.uuid.startswith(word))]
        if not match:
            break  # CUDA ignores what follows a device that does not exist
        kept.append(match[0])
    return tuple(kept)


@dataclass(frozen=True)
class Need:
    """A waiting run and what it asks for. Memory in MiB; 0 means unknown."""

    id: str
    priority: int = 0
    age: float = 0.0  # time of submission; smaller is older
    device: str = "auto"  # auto, gpu, cpu, or cuda:N
    threads: int = 1
    gpu_share: float = 0.0  # of one GPU, instead of a decision by memory; 0: none
    memory_mb: int = 0  # declared, for whichever device it gets
    gpu_peak_mb: int = 0  # of earlier runs of its group
    host_peak_mb: int = 0
    cpu: bool = False  # with "auto", whether it may take the CPU of a machine that has GPUs
    cpu_first: bool = False  # earlier runs were faster there
    visible: str | None = None  # the submitter's CUDA_VISIBLE_DEVICES; None: unset
    group: tuple[str, int] = ("", 1)  # hash of its settings, number of seeds: what its peaks belong to
    small: bool = False  # its data are small: about as fast on the CPU
    avoid: str = ""  # GPU on which it failed without a fault of its own
    alone: bool = False  # ran out of memory beside others
    minutes: float = 0.0  # wall-time limit; 0: none
    not_before: float = 0.0

    def gpu_mb(self, card_mb: int) -> float:
        """Return what it will take of a GPU: half of it where nothing is known."""
        known = self.memory_mb or self.gpu_peak_mb
        # What fits on no empty card shall find that out there, and not wait for ever.
        return min(known * MARGIN + CONTEXT_MB, LARGEST * card_mb) if known else card_mb / 2

    @property
    def size_known(self) -> bool:
        return bool(self.memory_mb or self.gpu_peak_mb)


@dataclass(frozen=True)
class Load:
    """A placed run: what it asked for, and what it was seen to take of its GPU (MiB; 0: not measured yet).

    `settling`: so young that its host memory does not show in the readings yet.
    """

    need: Need
    device: str
    used_mb: int = 0
    settling: bool = False

    @property
    def unmeasured(self) -> bool:
        """Whether nothing is known of its memory: it was neither declared nor seen."""
        return not (self.used_mb or self.need.size_known or self.need.gpu_share)

    def kept_mb(self, card_mb: int) -> float:
        """Return the memory that its GPU keeps for it."""
        used = self.used_mb + CONTEXT_MB if self.used_mb else 0
        if self.need.size_known:
            return max(used, self.need.gpu_mb(card_mb))
        if used:
            return used * MARGIN
        return 0.0 if self.need.gpu_share else self.need.gpu_mb(card_mb)


@dataclass(frozen=True)
class Gpu:
    """One GPU of the machine; memory in MiB as measured now."""

    index: int
    memory_total_mb: int
    memory_free_mb: int
    uuid: str = ""

    @property
    def device(self) -> str:
        return f"cuda:{self.index}"


@dataclass(frozen=True)
class Machine:
    """The machine as measured now. `slots` is the number of CPU threads that runs may take together."""

    slots: int
    memory_free_mb: int
    gpus: tuple[Gpu, ...] = ()
    runs_per_gpu: int = 4
    gpu_runs: int = 0  # at most so many on all GPUs together; 0: no such limit
    lost_gpus: bool = False  # some that were here do not answer


@dataclass(frozen=True)
class Decision:
    """Runs to start, with their devices; those that never can here, and those that wait, with reasons."""

    start: tuple[tuple[str, str], ...] = ()
    refuse: tuple[tuple[str, str], ...] = ()
    wait: tuple[tuple[str, str], ...] = ()


def choose(waiting: Sequence[Need], running: Sequence[Load], machine: Machine, now: float) -> Decision:
    """Return which of `waiting` start and where, which never can on this machine, and why others wait."""
    room = _Room(machine, list(running))
    start: list[tuple[str, str]] = []
    refuse: list[tuple[str, str]] = []
    wait: list[tuple[str, str]] = []
    for need in sorted(waiting, key=lambda n: (-n.priority, n.age, n.id)):
        if need.not_before > now:
            continue
        kind = (need.device, need.visible, need.cpu)
        if kind in room.shut:  # with hundreds of runs waiting, most are behind others
            wait.append((need.id, room.shut[kind]))
            continue
        wanted = room.wanted(need)
        if not wanted and not machine.lost_gpus:
            what = "There is no GPU" if need.device in ("gpu", "auto") else f"The device {need.device} is not"
            hidden = " that the submitter's CUDA_VISIBLE_DEVICES shows" if need.visible is not None else ""
            refuse.append((need.id, f"{what} on this machine{hidden}."))
            continue
        device = next((device for device in wanted if not room.obstacle(need, device)), None)
        if device is None:
            wait.append((need.id, room.reserve(need, wanted)))
            if wanted and room.closed.issuperset(wanted):
                room.shut[kind] = room.reserve(need, wanted)
        else:
            start.append((need.id, device))
            room.loads.append(Load(need, device, settling=True))
    return Decision(tuple(start), tuple(refuse), tuple(wait))


@dataclass
class _Room:
    """What is left while places are given out."""

    machine: Machine
    loads: list[Load]
    closed: set[str] = field(default_factory=set)  # places that an earlier run waits for
    shut: dict[tuple[str, str | None, bool], str] = field(default_factory=dict)  # kinds of needs without any

    def wanted(self, need: Need) -> list[str]:
        """Return the devices that would do, best first: the GPU with the fewest runs, then the most room."""
        here = list(visible(self.machine.gpus, need.visible))
        if need.device not in ("auto", "gpu"):
            return [need.device] if need.device in [*(gpu.device for gpu in here), "cpu"] else []
        here.sort(key=lambda g: (g.device == need.avoid, len(self._on(g.device)), -self._left(g), g.index))
        cards = [gpu.device for gpu in here]
        if need.device == "gpu" or (not need.cpu and (cards or self.machine.lost_gpus)):
            return cards
        return ["cpu", *cards] if need.cpu_first else [*cards, "cpu"]

    def obstacle(self, need: Need, device: str) -> str:
        """Return why `need` does not fit on `device` (cpu or cuda:N) now; empty if it does."""
        here = self._on(device)
        if device in self.closed:
            return EARLIER
        if any(load.need.alone for load in here) or (need.alone and here):
            return "one of the runs needs its device for itself, after it ran out of memory"
        if problem := self._host_memory(need, device):
            return problem
        if device == "cpu":
            taken = sum(load.need.threads for load in self.loads)  # a GPU's worker keeps a core busy too
            fits = not here or taken + need.threads <= self.machine.slots
            return "" if fits else f"{taken} of {plural(self.machine.slots, 'CPU thread')} are taken"
        on_gpus = sum(load.device != "cpu" for load in self.loads)
        if self.machine.gpu_runs and on_gpus >= self.machine.gpu_runs:
            return f"{plural(on_gpus, 'run')} on GPUs are the limit (gpu_runs)"
        if sum(map(self._share, (load.need for load in here))) + self._share(need) > 1.0 + TINY:
            return f"{plural(len(here), 'run')} on it"
        if not need.size_known and not need.gpu_share and any(load.unmeasured for load in here):
            return "the memory of a run on it is not measured yet"
        gpu = self._card(device)
        left, wants = self._left(gpu), need.gpu_mb(gpu.memory_total_mb)
        if (need.gpu_share and not need.memory_mb) or wants <= left + TINY:
            return ""
        if not need.size_known:
            return f"half of it must be free, since the run's memory is unknown; {_mib(left)} are"
        return f"{_mib(left)} are free, the run needs {_mib(wants)}"

    def reserve(self, need: Need, wanted: Sequence[str]) -> str:
        """Keep the place where `need` will fit first for it; return why it waits, and what for."""
        if not wanted:
            return "Waiting for a GPU: those of this machine do not answer (nvidia-smi)."
        cards = [self._card(device) for device in wanted if device != "cpu"]
        fitting = [gpu for gpu in cards if self._could_hold(need, gpu)]
        open_to = [gpu for gpu in fitting if gpu.device not in self.closed]
        if open_to:
            best = max(open_to, key=lambda gpu: (gpu.device != need.avoid, self._left(gpu), -gpu.index))
            place = best.device
        elif "cpu" in wanted:
            place = "cpu"
        else:  # a GPU that other people fill is not kept: that would not empty it
            place = (fitting or cards)[0].device
        why = self.obstacle(need, place)
        if open_to or place == "cpu":
            self.closed.add(place)
        names = [need.device] if need.device.startswith("cuda:") else []
        names += ["the GPU" if len(cards) == 1 else "a GPU"] if cards and not names else []
        names += ["a CPU slot"] if "cpu" in wanted else []
        if place != "cpu" and len(cards) > 1 and why != EARLIER:
            full = "both" if len(cards) == 2 else f"all {len(cards)}"
            why = f"{full} are full; {place} {'is kept for it' if open_to else 'first'} ({why})"
        return f"Waiting for {' or '.join(names)}: {why}."

    def _on(self, device: str) -> list[Load]:
        return [load for load in self.loads if load.device == device]

    def _card(self, device: str) -> Gpu:
        return next(gpu for gpu in self.machine.gpus if gpu.device == device)

    def _share(self, need: Need) -> float:
        return need.gpu_share or 1.0 / self.machine.runs_per_gpu

    def _others(self, gpu: Gpu) -> float:
        """Return what processes that are not ours take of a GPU, by measurement."""
        ours = sum(load.used_mb + CONTEXT_MB for load in self._on(gpu.device) if load.used_mb)
        return max(0.0, gpu.memory_total_mb - gpu.memory_free_mb - ours)

    def _left(self, gpu: Gpu) -> float:
        """Return the memory of a GPU that neither others take nor our runs there will need."""
        kept = sum(load.kept_mb(gpu.memory_total_mb) for load in self._on(gpu.device))
        return gpu.memory_total_mb - self._others(gpu) - kept

    def _could_hold(self, need: Need, gpu: Gpu) -> bool:
        """Whether `need` fits on a GPU once our own runs there are over."""
        return need.gpu_mb(gpu.memory_total_mb) <= gpu.memory_total_mb - self._others(gpu) + TINY

    def _host_memory(self, need: Need, device: str) -> str:
        """Return why the host has too little memory. An empty machine takes any run: it gets no more."""
        young = sum(_host_mb(load.need, load.device) for load in self.loads if load.settling)
        wants, free = _host_mb(need, device), self.machine.memory_free_mb - young
        if not self.loads or wants <= free:
            return ""
        return f"{_mib(free)} of host memory are free, the run needs {_mib(wants)}"


def _host_mb(need: Need, device: str) -> int:
    declared = need.memory_mb if device == "cpu" else 0
    return max(WORKER_MB, declared or need.host_peak_mb)


def _mib(size: float) -> str:
    return format_bytes(max(0.0, size) * (1 << 20))
