"""Which runs start next, from plain values."""

from __future__ import annotations

from workbench.queue.policy import Gpu, Load, Machine, Need, choose

TWO_CORES = Machine(slots=2, memory_free_mb=16_000)
ONE_GPU = Machine(slots=2, memory_free_mb=16_000, gpus=(Gpu(0, 24_000, 23_000),))


def started(waiting: list[Need], running: list[Load], machine: Machine, now: float = 100.0) -> list[tuple]:
    return list(choose(waiting, running, machine, now).start)


def test_priority_goes_first_then_age() -> None:
    old, young, urgent = Need("old", age=1), Need("young", age=2), Need("urgent", priority=5, age=3)
    assert started([young, old, urgent], [], TWO_CORES) == [("urgent", "cpu"), ("old", "cpu")]


def test_threads_are_counted_and_what_runs_counts_too() -> None:
    assert started([Need("a"), Need("b")], [Load("cpu")], TWO_CORES) == [("a", "cpu")]
    assert started([Need("a", threads=2)], [Load("cpu")], TWO_CORES) == []


def test_a_run_with_more_threads_than_the_machine_still_runs_alone() -> None:
    assert started([Need("wide", threads=64)], [], TWO_CORES) == [("wide", "cpu")]


def test_a_large_run_is_not_starved_by_small_ones_behind_it() -> None:
    waiting = [Need("large", threads=2, age=1), Need("small", threads=1, age=2)]
    assert started(waiting, [Load("cpu")], TWO_CORES) == []


def test_a_run_that_waits_for_its_retry_holds_nobody_up() -> None:
    waiting = [Need("later", age=1, not_before=200.0), Need("now", age=2)]
    assert started(waiting, [Load("cpu")], TWO_CORES) == [("now", "cpu")]


def test_auto_takes_the_gpu_first_and_then_the_cpu() -> None:
    assert started([Need("a", age=1), Need("b", age=2)], [], ONE_GPU) == [("a", "cuda:0"), ("b", "cpu")]


def test_small_runs_share_a_gpu_by_their_shares() -> None:
    waiting = [Need(str(k), age=k, device="cuda:0", gpu_share=0.4) for k in range(3)]
    assert started(waiting, [], ONE_GPU) == [("0", "cuda:0"), ("1", "cuda:0")]


def test_declared_memory_must_fit_beside_what_the_gpu_shows() -> None:
    full = Machine(2, 16_000, (Gpu(0, 24_000, 9_000),))
    need = Need("a", device="cuda:0", gpu_share=0.5, memory_mb=8_000)
    assert started([need], [], full) == []  # 8000 · 1.1 + 500 > 9000
    assert started([Need("b", device="cuda:0", gpu_share=0.5, memory_mb=7_000)], [], full) == [
        ("b", "cuda:0")
    ]


def test_memory_that_a_young_neighbour_has_not_taken_yet_is_reserved() -> None:
    young = Load("cuda:0", gpu_share=0.5, memory_mb=15_000, settling=True)
    assert started([Need("a", device="cuda:0", gpu_share=0.5, memory_mb=10_000)], [young], ONE_GPU) == []


def test_host_memory_stops_admission_but_never_on_an_empty_machine() -> None:
    scarce = Machine(slots=8, memory_free_mb=1_000)
    assert started([Need("a", age=1), Need("b", age=2)], [], scarce) == [("a", "cpu")]
    assert started([Need("a", memory_mb=50_000, device="cpu")], [], scarce) == [("a", "cpu")]


def test_a_run_that_ran_out_of_memory_gets_its_device_to_itself() -> None:
    alone = Need("alone", device="cuda:0", gpu_share=0.2, alone=True, age=1)
    other = Need("other", device="cuda:0", gpu_share=0.2, age=2)
    assert started([alone, other], [Load("cuda:0", gpu_share=0.2)], ONE_GPU) == []
    assert started([alone, other], [], ONE_GPU) == [("alone", "cuda:0")]


def test_a_device_that_is_not_here_is_refused_and_the_others_go_on() -> None:
    decision = choose([Need("far", device="cuda:3", age=1), Need("near", age=2)], [], TWO_CORES, 0.0)
    assert decision.start == (("near", "cpu"),)
    assert decision.refuse == (("far", "The device cuda:3 is not on this machine."),)
