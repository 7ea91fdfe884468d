"""What earlier attempts took decides where the next runs of a group go."""

from __future__ import annotations

from socket import gethostname

import pytest

from tests.queue.person import tiny_spec
from workbench.queue.attempt_command import read_need
from workbench.queue.learnt import Learnt
from workbench.queue.policy import Need
from workbench.store.runs import create_run
from workbench.store.store import Store
from workbench.store.usage import Usage, read_usage, write_usage

HERE = gethostname()


def test_every_attempt_of_the_store_counts(store: Store) -> None:
    paths = store.run(create_run(store.paths, tiny_spec("a", 5)))
    for number, peak in ((1, 900), (2, 700)):
        paths.attempt(number).root.mkdir()
        write_usage(paths.attempt(number), Usage(gpu_mb=peak, host_mb=300, card_mb=80_000))
    learnt = Learnt()
    learnt.read(store.paths)
    need = read_need(store.run(create_run(store.paths, tiny_spec("b", 5))))  # same settings, another name
    other = read_need(store.run(create_run(store.paths, tiny_spec("b", 6))))
    assert need is not None and other is not None
    assert (learnt.fill(need).gpu_peak_mb, learnt.fill(need).host_peak_mb) == (900, 300)
    assert learnt.fill(other).gpu_peak_mb == 0


@pytest.mark.parametrize(("seeds", "peak"), [(3, 600), (6, 1200), (1, 600)])
def test_more_seeds_take_more_memory(seeds: int, peak: int) -> None:
    learnt = Learnt()
    learnt.note(("g", 3), Usage(gpu_mb=600, card_mb=80_000))
    assert learnt.fill(Need("r", group=("g", seeds))).gpu_peak_mb == peak


@pytest.mark.parametrize(
    ("small", "gpu_rate", "cpu_rate", "allowed", "first"),
    [
        (False, 0.0, 0.0, False, False),
        (True, 0.0, 0.0, True, False),
        (True, 50.0, 1.0, False, False),
        (False, 1.0, 2.0, True, True),
        (False, 2.0, 0.0, False, False),
    ],
)
def test_the_cpu_is_for_small_data_or_where_it_was_faster(
    small: bool, gpu_rate: float, cpu_rate: float, allowed: bool, first: bool
) -> None:
    learnt = Learnt()
    learnt.note(("g", 1), Usage(card_mb=80_000, steps_per_second=gpu_rate, host=HERE))
    learnt.note(("g", 1), Usage(steps_per_second=cpu_rate, host=HERE))
    learnt.note(("g", 1), Usage(steps_per_second=1e6, host="another"))
    filled = learnt.fill(Need("r", group=("g", 1), small=small))
    assert (filled.cpu, filled.cpu_first) == (allowed, first)


def test_small_data_are_known_from_the_submission(store: Store) -> None:
    need = read_need(store.run(create_run(store.paths, tiny_spec("a", 5))))
    assert need is not None and need.small  # 8×8 digits


@pytest.mark.parametrize("body", ["", "[]", '{"gpu_mb": "x", "host_mb": -5, "steps_per_second": []}'])
def test_a_damaged_record_says_nothing(store: Store, body: str) -> None:
    attempt = store.run(create_run(store.paths, tiny_spec("a", 5))).attempt(1)
    attempt.root.mkdir()
    attempt.usage.write_text(body)
    assert read_usage(attempt) in (None, Usage())
