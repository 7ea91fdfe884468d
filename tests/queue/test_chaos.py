"""Nothing is lost, run twice at once, or torn, whatever is killed and whenever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.queue.chaos import MUTANT, PRODUCT, Storm, starts

ALL = ["person", "scheduler", "scheduler", "shim", "worker", "all"]


@pytest.fixture
def storms() -> Iterator[list[Storm]]:
    """Storms to be ended, whatever the test does."""
    made: list[Storm] = []
    yield made
    for storm in made:
        storm.end()


def test_100_kills_over_every_process_lose_nothing(tmp_path: Path, storms: list[Storm]) -> None:
    storm = Storm(tmp_path / "runs", PRODUCT, runs=20, steps=80, seed=1)
    storms.append(storm)
    storm.blow(100, ALL, pause=0.1)
    storm.calm(timeout=80)
    assert storm.problems() == []
    assert sum(storm.killed.values()) == 100
    assert set(storm.killed) == set(ALL)


def test_a_killed_scheduler_costs_no_run_a_restart(tmp_path: Path, storms: list[Storm]) -> None:
    storm = Storm(tmp_path / "runs", PRODUCT, runs=6, steps=250, seed=2, quiet=True)
    storms.append(storm)
    storm.blow(12, ["scheduler"], pause=0.4)
    storm.calm(timeout=60)
    assert storm.problems() == []
    assert starts(storm.store) == 6  # every living worker was taken over


def test_the_mutant_that_requeues_whatever_was_running_is_caught(tmp_path: Path, storms: list[Storm]) -> None:
    storm = Storm(tmp_path / "runs", MUTANT, runs=6, steps=250, seed=3)
    storms.append(storm)
    caught = False
    while not caught and sum(storm.killed.values()) < 12:
        storm.blow(sum(storm.killed.values()) + 1, ["scheduler"], pause=0.5)
        caught = any("twice at the same time" in problem for problem in storm.problems())
    assert caught


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [11, 12])
def test_600_kills_over_every_process_lose_nothing(tmp_path: Path, storms: list[Storm], seed: int) -> None:
    storm = Storm(tmp_path / "runs", PRODUCT, runs=150, steps=150, seed=seed)
    storms.append(storm)
    storm.blow(600, ALL, pause=0.25)
    storm.calm(timeout=600)
    assert storm.problems() == []
    print(f"{dict(storm.killed)}, {starts(storm.store)} worker starts")
