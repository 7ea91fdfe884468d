"""Which runs start next, from plain values."""

from __future__ import annotations

from functools import partial

import pytest

from workbench.queue.policy import Gpu, Load, Machine, Need, choose

TWO = Machine(slots=2, memory_free_mb=16_000)
GPU = Machine(slots=2, memory_free_mb=16_000, gpus=(Gpu(0, 24_000, 23_000),))
BUSY = Machine(slots=2, memory_free_mb=16_000, gpus=(Gpu(0, 24_000, 9_000),))
SCARCE = Machine(slots=8, memory_free_mb=1_000)
Old, Young = partial(Need, "old", age=1), partial(Need, "young", age=2)
half, fifth = ({"device": "cuda:0", "gpu_share": share} for share in (0.5, 0.2))
YOUNG_LOAD = Load("cuda:0", gpu_share=0.5, memory_mb=15_000, settling=True)

CASES: dict[str, tuple[list[Need], list[Load], Machine, str]] = {
    "priority first": ([Young(), Need("urgent", priority=5, age=3)], [], TWO, "urgent:cpu young:cpu"),
    "then age": ([Young(), Old()], [Load("cpu")], TWO, "old:cpu"),
    "threads are counted": ([Old(threads=2)], [Load("cpu")], TWO, ""),
    "more threads than the machine: alone": ([Old(threads=64)], [], TWO, "old:cpu"),
    "a large run is not starved by small ones": ([Old(threads=2), Young()], [Load("cpu")], TWO, ""),
    "a retry that waits blocks no other": ([Old(not_before=200.0), Young()], [Load("cpu")], TWO, "young:cpu"),
    "auto takes the GPU, then the CPU": ([Old(), Young()], [], GPU, "old:cuda:0 young:cpu"),
    "runs share a GPU": ([Old(**half), Young(**half)], [], GPU, "old:cuda:0 young:cuda:0"),
    "but not beyond its shares": ([Old(**half)], [Load("cuda:0", gpu_share=0.6)], GPU, ""),
    "declared memory does not fit": ([Old(**half, memory_mb=8_000)], [], BUSY, ""),  # 8000 · 1.1 + 500 > 9000
    "declared memory fits": ([Old(**half, memory_mb=7_000)], [], BUSY, "old:cuda:0"),
    "a young neighbour's is reserved": ([Old(**half, memory_mb=10_000)], [YOUNG_LOAD], GPU, ""),
    "host memory stops admission": ([Old(), Young()], [], SCARCE, "old:cpu"),
    "never on an empty machine": ([Old(memory_mb=50_000, device="cpu")], [], SCARCE, "old:cpu"),
    "alone after out of memory: waits": (
        [Old(**fifth, alone=True), Young(**fifth)], [Load("cuda:0", gpu_share=0.2)], GPU, "",
    ),
    "alone after out of memory: alone": ([Old(**fifth, alone=True), Young(**fifth)], [], GPU, "old:cuda:0"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_starts_where(case: str) -> None:
    waiting, running, machine, expected = CASES[case]
    start = choose(waiting, running, machine, now=100.0).start
    assert " ".join(f"{run}:{device}" for run, device in start) == expected


def test_a_device_that_is_not_here_is_refused_and_the_others_go_on() -> None:
    decision = choose([Old(device="cuda:3"), Young()], [], TWO, 0.0)
    assert decision.start == (("young", "cpu"),)
    assert decision.refuse == (("old", "The device cuda:3 is not on this machine."),)
