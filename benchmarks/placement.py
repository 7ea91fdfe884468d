"""Placement on simulated GPUs: the real policy and a made-up driver, in simulated time.

    python benchmarks/placement.py

k runs on a GPU take k times as long each. Printed per workload: the makespan in minutes, its ratio to a list
schedule that knows all sizes and gives each run a GPU of its own in the order of the queue, the largest share
of a GPU's memory in use, starts that ran out of memory, runs on the CPU, and the longest wait for a start, in
units of the work queued before that run (its GPU is shared by four). Aims: a ratio of 1.3, or 1.5 where sizes
are unknown; a share and a wait of at most 1.
"""

from __future__ import annotations

import heapq
import random
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import gethostname
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from workbench.queue import devices
from workbench.queue.learnt import Learnt
from workbench.queue.policy import CONTEXT_MB, Load, Machine, Need, choose
from workbench.queue.readings import MIB, as_rooms
from workbench.store.usage import Usage

GIB = 1024  # MiB
CARD = 80 * GIB
STEP = 0.05  # minutes of simulated time
FIRST_STEPS = 0.5  # minutes until a run has taken its memory, and reports it


@dataclass
class Job:
    """One run: what it asks for, and what it will really take (`size` in MiB on a GPU, `work` in minutes)."""

    need: Need
    size: int
    work: float
    arrival: float = 0.0
    cpu_work: float = 0.0  # minutes on the CPU
    device: str = ""
    left: float = 0.0
    started: float = -1.0
    ended: float = -1.0
    alone: bool = False
    ooms: int = 0

    @property
    def running(self) -> bool:
        return bool(self.device) and self.ended < 0

    def measured(self, now: float) -> bool:
        return now - self.started >= FIRST_STEPS

    def usage(self) -> Usage:
        """Return what its worker records."""
        if self.device == "cpu":
            return Usage(steps_per_second=1 / self.cpu_work, host=gethostname())
        return Usage(gpu_mb=self.size, card_mb=CARD, steps_per_second=1 / self.work, host=gethostname())


@dataclass
class Workload:
    """Jobs on a machine, what other people take of each GPU, and the aim."""

    jobs: list[Job]
    aim: float = 1.3
    cards: int = 2
    others: tuple[int, ...] = (0, 0)
    slots: int = 2
    rates: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)  # of earlier runs


@dataclass(frozen=True)
class Outcome:
    """What a workload came to."""

    makespan: float
    ratio: float
    share: float
    ooms: int
    on_cpu: int
    wait: float


def simulate(load: Workload) -> Outcome:
    """Run the workload through `choose` until all jobs have ended."""
    learnt, now, share, seen = Learnt(), 0.0, 0.0, None
    for group, (gpu, cpu) in load.rates.items():
        learnt.note(group, Usage(card_mb=CARD, steps_per_second=gpu, host=gethostname()))
        learnt.note(group, Usage(steps_per_second=cpu, host=gethostname()))
    while any(job.ended < 0 for job in load.jobs):
        for card in range(load.cards):
            there = on(load, card)
            while (taken := taken_mb(load, card, now)) > CARD:  # the last one does not get its memory
                victim = max(there, key=lambda job: job.started)
                there.remove(victim)
                victim.device, victim.alone, victim.ooms = "", True, victim.ooms + 1
            share = max(share, taken / CARD)
        running = [job for job in load.jobs if job.running]
        for job in running:
            beside = sum(other.device == job.device for other in running) if job.device != "cpu" else 1
            job.left -= STEP / beside
            if job.left <= 0:
                job.ended = now
            if job.measured(now) or job.ended >= 0:
                learnt.note(job.need.group, job.usage())
        waiting = [job for job in load.jobs if not job.device and job.arrival <= now]
        running = [job for job in running if job.running]
        signs = (len(waiting), len(running), sum(job.measured(now) for job in running))
        if waiting and signs != seen:
            start(load, waiting, running, learnt, now)
        seen = signs
        now += STEP
        if now > 10_000:
            raise RuntimeError("a run starves")
    makespan = max(job.ended for job in load.jobs)
    return Outcome(
        makespan,
        makespan / list_schedule(load),
        share,
        sum(job.ooms for job in load.jobs),
        sum(job.device == "cpu" for job in load.jobs),
        max(patience(job, load) for job in load.jobs),
    )


def start(load: Workload, waiting: list[Job], running: list[Job], learnt: Learnt, now: float) -> None:
    """Ask the policy, with GPUs read from the made-up driver, and start what it chooses."""

    def need(job: Job) -> Need:
        return replace(learnt.fill(job.need), alone=job.alone, age=job.arrival)

    loads = [
        Load(need(job), job.device, job.size if job.measured(now) and job.device != "cpu" else 0)
        for job in running
    ]
    cards = read_cards([taken_mb(load, card, now) for card in range(load.cards)])
    jobs = {job.need.id: job for job in waiting}
    decision = choose([need(job) for job in waiting], loads, Machine(load.slots, 10**6, as_rooms(cards)), now)
    for run_id, device in decision.start:
        job = jobs[run_id]
        job.device, job.started = device, now
        job.left = job.cpu_work if device == "cpu" else job.work


def list_schedule(load: Workload) -> float:
    """Return the makespan if each job, in the order of the queue, gets the GPU that is free first."""
    free = [(0.0, card) for card in range(load.cards)]
    heapq.heapify(free)
    end = 0.0
    for job in in_order(load):
        moment, card = heapq.heappop(free)
        moment = max(moment, job.arrival) + job.work
        end = max(end, moment)
        heapq.heappush(free, (moment, card))
    return end


def patience(job: Job, load: Workload) -> float:
    """Return how long a job waited for its start, in units of the GPU minutes queued before it plus a job."""
    order = in_order(load)
    before = sum(other.work for other in order[: order.index(job)] if other.arrival <= job.arrival)
    longest = max(other.work for other in load.jobs)
    return (job.started - job.arrival) / (before / load.cards + 4 * longest)  # four may share its GPU


def in_order(load: Workload) -> list[Job]:
    return sorted(load.jobs, key=lambda job: (-job.need.priority, job.arrival, job.need.id))


def on(load: Workload, card: int) -> list[Job]:
    return [job for job in load.jobs if job.running and job.device == f"cuda:{card}"]


def taken_mb(load: Workload, card: int, now: float) -> int:
    """Return what is taken of a GPU: by others, contexts at once, the rest within the first steps."""
    return load.others[card] + sum(CONTEXT_MB + job.size * job.measured(now) for job in on(load, card))


def read_cards(used: list[int]) -> tuple[devices.Gpu, ...]:
    """Return the GPUs as workbench reads them from a made-up NVML."""

    class NVMLError(Exception):
        pass

    calls: dict[str, Any] = {
        "NVMLError": NVMLError,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: len(used),
        "nvmlDeviceGetHandleByIndex": lambda number: number,
        "nvmlDeviceGetMemoryInfo": lambda card: SimpleNamespace(total=CARD * MIB, used=used[card] * MIB),
        "nvmlDeviceGetName": lambda card: "simulated",
        "nvmlDeviceGetUUID": lambda card: f"GPU-{card}",
        "nvmlDeviceGetUtilizationRates": lambda card: SimpleNamespace(gpu=50),
        "nvmlDeviceGetTemperature": lambda card, kind: 50,
    }
    sys.modules["pynvml"] = SimpleNamespace(**calls)  # type: ignore[assignment]
    devices._nvml_ready = True
    return devices.gpus()


def job(number: int, size: int, work: float, **more: Any) -> Job:
    """Return a job; `arrival` and `cpu_work` are its own, the rest belongs to its need."""
    own = {name: more.pop(name) for name in ("arrival", "cpu_work") if name in more}
    return Job(Need(f"{number:03d}", **more), size, work, **own)


def workloads() -> dict[str, Workload]:
    """Return the fixed workloads."""
    draw = random.Random(0)
    sizes = [draw.choice([2, 4, 8, 16, 30]) * GIB for _ in range(10)]
    unknown = [job(k, sizes[k % 10], draw.uniform(5, 20), group=(f"g{k % 10}", 1)) for k in range(40)]
    apart = [
        job(k, draw.choice([2, 8, 30, 50]) * GIB, draw.uniform(5, 20), group=(f"g{k}", 1)) for k in range(30)
    ]
    mixed = []
    for k in range(42):
        size = 60 * GIB if k % 6 == 0 else 2 * GIB
        work = 30 if k % 6 == 0 else draw.uniform(5, 10)
        mixed.append(job(k, size, work, memory_mb=size, priority=draw.choice([0, 0, 5])))
    stream = [job(k, 2 * GIB, 10, memory_mb=2 * GIB, arrival=2.0 * k) for k in range(60)]
    stream.append(job(500, 70 * GIB, 10, memory_mb=70 * GIB, arrival=5.0))
    slow = {"cpu_work": 500, "memory_mb": 2 * GIB}
    small = [job(k, 2 * GIB, 10, small=True, group=("s", 1), **slow) for k in range(20)]
    return {
        "30 runs of 2 GiB, 2 × 80 GiB": Workload([job(k, 2 * GIB, 10, memory_mb=2 * GIB) for k in range(30)]),
        "20 runs of 20 GiB, half of each GPU used by others": Workload(
            [job(k, 20 * GIB, 10, memory_mb=20 * GIB) for k in range(20)], others=(CARD // 2, CARD // 2)
        ),
        "40 runs of 10 groups, sizes unknown": Workload(unknown, aim=1.5),
        "30 runs of 30 groups, sizes unknown": Workload(apart, aim=1.5),
        "large and small, priorities": Workload(mixed),
        "a large run in a stream of small ones": Workload(stream),
        "CPU 50 times slower": Workload([job(k, 2 * GIB, 10, **slow) for k in range(20)]),
        "CPU 50 times slower, small data, seen before": Workload(small, rates={("s", 1): (1.0, 0.02)}),
    }


def main() -> None:
    print("| workload | makespan, min | ratio | aim | memory | out of memory | on the CPU | wait |")
    print("|---|---|---|---|---|---|---|---|")
    for name, load in workloads().items():
        found = simulate(load)
        print(
            f"| {name} | {found.makespan:.0f} | {found.ratio:.2f} | {load.aim} | {found.share:.2f} "
            f"| {found.ooms} | {found.on_cpu} | {found.wait:.2f} |"
        )


if __name__ == "__main__":
    main()
