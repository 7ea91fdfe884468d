"""The fixed workloads of benchmarks/placement.py, in simulated time."""

from __future__ import annotations

import sys

import pytest

from benchmarks import placement
from workbench.queue import devices

LOADS = placement.workloads()


@pytest.fixture(autouse=True)
def real_driver_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation puts a made-up driver in place of the real one."""
    monkeypatch.setattr(devices, "_nvml_ready", None)
    monkeypatch.setitem(sys.modules, "pynvml", None)


@pytest.mark.parametrize("name", LOADS)
def test_a_workload_ends_in_time_on_memory_that_is_there(name: str) -> None:
    load = LOADS[name]
    known = all(job.need.memory_mb for job in load.jobs)
    found = placement.simulate(load)
    assert found.ratio <= load.aim
    assert found.share <= 1.0 and found.ooms <= (0 if known else len(load.jobs) // 10)
    assert found.wait <= 1.0
    assert found.on_cpu == 0
