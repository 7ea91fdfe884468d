"""Which runs start next, and why others wait, from plain values."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from workbench.queue.policy import CONTEXT_MB, Gpu, Load, Machine, Need, choose, visible

TWO = Machine(slots=2, memory_free_mb=16_000)
GPU = Machine(slots=2, memory_free_mb=16_000, gpus=(Gpu(0, 24_000, 23_000),))
BUSY = Machine(slots=2, memory_free_mb=16_000, gpus=(Gpu(0, 24_000, 9_000),))
PAIR = Machine(slots=2, memory_free_mb=90_000, gpus=(Gpu(0, 80_000, 79_000), Gpu(1, 80_000, 79_000)))
SCARCE = Machine(slots=8, memory_free_mb=1_000)
Old, Young = partial(Need, "old", age=1), partial(Need, "young", age=2)
half, fifth = ({"device": "cuda:0", "gpu_share": share} for share in (0.5, 0.2))
ON_CPU = Load(Need("r"), "cpu")


def on(device: str, used_mb: int = 0, count: int = 1, **need: object) -> list[Load]:
    """Return loads on a GPU, measured to take `used_mb` each (0: not measured yet)."""
    return [Load(Need(f"r{k}", **need), device, used_mb) for k in range(count)]  # type: ignore[arg-type]


LARGE = {"memory_mb": 60_000}

CASES: dict[str, tuple[list[Need], list[Load], Machine, str]] = {
    "priority first": ([Young(), Need("urgent", priority=5, age=3)], [], TWO, "urgent:cpu young:cpu"),
    "then age": ([Young(), Old()], [ON_CPU], TWO, "old:cpu"),
    "threads are counted": ([Old(threads=2)], [ON_CPU], TWO, ""),
    "more threads than the machine: alone": ([Old(threads=64)], [], TWO, "old:cpu"),
    "a large run is not starved by small ones": ([Old(threads=2), Young()], [ON_CPU], TWO, ""),
    "a retry that waits blocks no other": ([Old(not_before=200.0), Young()], [ON_CPU], TWO, "young:cpu"),
    "host memory stops admission": ([Old(), Young()], [], SCARCE, "old:cpu"),
    "never on an empty machine": ([Old(memory_mb=50_000, device="cpu")], [], SCARCE, "old:cpu"),
    "earlier runs took too much of the host": ([Old(host_peak_mb=20_000)], [ON_CPU], TWO, ""),
    "auto waits for the GPU": ([Old(), Young()], [], BUSY, ""),
    "small data take the GPU, then the CPU": (
        [Old(cpu=True), Young(cpu=True)], on("cuda:0", count=4), GPU, "old:cpu",
    ),
    "faster on the CPU": ([Old(cpu=True, cpu_first=True)], [], GPU, "old:cpu"),
    "gpu never takes the CPU": ([Old(device="gpu", cpu=True)], on("cuda:0", count=4), GPU, ""),
    "no GPU shown to the submitter": ([Old(visible="")], [], PAIR, "old:cpu"),
    "only GPUs shown to the submitter": ([Old(visible="1")], [], PAIR, "old:cuda:1"),
    "the GPU with fewer runs": ([Old(memory_mb=9)], on("cuda:0", memory_mb=9), PAIR, "old:cuda:1"),
    "small runs share a GPU": ([Old(memory_mb=2_000)], on("cuda:0", 1_500, 3), GPU, "old:cuda:0"),
    "at most four": ([Old(memory_mb=100)], on("cuda:0", 100, 4), GPU, ""),
    "or as many as is set": (
        [Old(memory_mb=100)], on("cuda:0", 100, 4), replace(GPU, runs_per_gpu=5), "old:cuda:0",
    ),
    "and no more than the machine's limit": (
        [Old(memory_mb=100)], on("cuda:1", 100, 2), replace(PAIR, gpu_runs=2), "",
    ),
    "declared memory does not fit": ([Old(memory_mb=8_000)], [], BUSY, ""),  # 8000 · 1.1 + 500 > 9000
    "declared memory fits": ([Old(memory_mb=7_000)], [], BUSY, "old:cuda:0"),
    "earlier peaks fit": ([Old(gpu_peak_mb=7_000)], [], BUSY, "old:cuda:0"),
    "more than any GPU has: finds out alone": ([Old(memory_mb=50_000)], [], GPU, "old:cuda:0"),
    "what a neighbour will take is kept for it": (
        [Old(memory_mb=9_000)], on("cuda:0", 2_000, memory_mb=14_000), GPU, "",
    ),
    "what a neighbour has taken is not kept twice": (
        [Old(memory_mb=6_000)], on("cuda:0", 14_000, memory_mb=14_000),
        replace(GPU, gpus=(Gpu(0, 24_000, 23_000 - 14_000 - CONTEXT_MB),)), "old:cuda:0",
    ),
    "unknown memory: half of the card is free": ([Old()], on("cuda:0", 4_000), GPU, "old:cuda:0"),
    "unknown memory beside one just started: half is kept": ([Old()], on("cuda:0"), GPU, ""),
    "unknown memory beside others' work": ([Old(device="gpu")], [], BUSY, ""),
    "a large run reserves one GPU, the other stays open": (
        [Old(**LARGE), Young(memory_mb=100)],
        [*on("cuda:0", 100, 2, memory_mb=9_000), *on("cuda:1", 100, 1, memory_mb=30_000)], PAIR,
        "young:cuda:1",
    ),
    "a GPU that others fill is not kept for a run that does not fit there": (
        [Old(memory_mb=70_000), Young(memory_mb=1_000)], on("cuda:0", 1_000, 4),
        replace(PAIR, gpus=(Gpu(0, 80_000, 70_000), Gpu(1, 80_000, 20_000))), "young:cuda:1",
    ),
    "shares override memory": ([Old(**half), Young(**half)], [], GPU, "old:cuda:0 young:cuda:0"),
    "but not beyond one": ([Old(**half)], on("cuda:0", gpu_share=0.6), GPU, ""),
    "a whole GPU for itself": ([Old(gpu_share=1.0, device="gpu")], on("cuda:0", 10), GPU, ""),
    "after a fault of one GPU another is tried": ([Old(avoid="cuda:0")], [], PAIR, "old:cuda:1"),
    "alone after out of memory: waits": (
        [Old(**fifth, alone=True), Young(**fifth)], on("cuda:0", gpu_share=0.2), GPU, "",
    ),
    "alone after out of memory: alone": ([Old(**fifth, alone=True), Young(**fifth)], [], GPU, "old:cuda:0"),
    "GPUs that vanished send nothing to the CPU": ([Old()], [], replace(TWO, lost_gpus=True), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_starts_where(case: str) -> None:
    waiting, running, machine, expected = CASES[case]
    start = choose(waiting, running, machine, now=100.0).start
    assert " ".join(f"{run}:{device}" for run, device in start) == expected


REASONS: dict[str, tuple[Need, list[Load], Machine, str]] = {
    "both full": (
        Old(memory_mb=2_000), [*on("cuda:0", 100, 4), *on("cuda:1", 100, 4)], PAIR,
        "a GPU: both are full; cuda:0 is kept for it (4 runs on it).",
    ),
    "memory": (Old(memory_mb=8_000), [], BUSY, "the GPU: 8.8 GiB are free, the run needs 9.1 GiB."),
    "unknown memory": (
        Old(device="cuda:0"), [], BUSY,
        "cuda:0: half of it must be free, since the run's memory is unknown; 8.8 GiB are.",
    ),
    "the CPU": (Old(device="cpu"), [ON_CPU] * 2, TWO, "a CPU slot: 2 of 2 CPU threads are taken."),
    "either": (
        Old(cpu=True, memory_mb=9), [*on("cuda:0", 10, 4), ON_CPU], GPU,
        "the GPU or a CPU slot: 4 runs on it.",
    ),
    "vanished": (
        Old(), [], replace(TWO, lost_gpus=True), "a GPU: those of this machine do not answer (nvidia-smi).",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REASONS)
def test_why_a_run_waits_and_for_what(case: str) -> None:
    need, running, machine, expected = REASONS[case]
    decision = choose([need, Young(device=need.device)], running, machine, now=100.0)
    waits = dict(decision.wait)
    assert waits["old"] == f"Waiting for {expected}"
    assert waits["young"].startswith("Waiting for") and decision.start == ()


def test_a_device_that_is_not_here_is_refused_and_the_others_go_on() -> None:
    decision = choose([Old(device="cuda:3"), Need("any", device="gpu"), Young()], [], TWO, 0.0)
    assert decision.start == (("young", "cpu"),)
    assert dict(decision.refuse) == {
        "old": "The device cuda:3 is not on this machine.",
        "any": "There is no GPU on this machine.",
    }


def test_visible_devices_as_cuda_reads_them() -> None:
    two = [Gpu(k, 1, 1, f"GPU-{k}abc") for k in range(2)]
    assert visible(two, None) == tuple(two)
    assert visible(two, "") == ()
    assert visible(two, "1") == (two[1],)
    assert visible(two, "GPU-1a,0") == (two[1], two[0])
    assert visible(two, "0,7,1") == (two[0],)  # nothing counts after a bad one
