"""GPUs as a management library reports them, here a made-up one; and what a worker sees of its GPU."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.queue.chaos import until
from tests.queue.conftest import OPTIONS
from tests.queue.person import tiny_spec
from workbench.errors import DEVICE, WorkbenchError
from workbench.queue import devices
from workbench.queue.attempt_command import make_launch, read_need, submitter_variables
from workbench.queue.attempts import Keeper
from workbench.queue.waits import explained
from workbench.store.files import write_json
from workbench.store.index import index_of
from workbench.store.runs import create_run
from workbench.store.state import load_state
from workbench.store.store import Store

GIB = 1 << 30


class NVMLError(Exception):
    pass


def library(count: int = 2, **changes: Any) -> SimpleNamespace:
    """Return a made-up NVML with `count` cards; the second has no reading of its use."""

    def no_reading(handle: int, *more: Any) -> Any:
        if handle == 1:
            raise NVMLError("not supported")
        return SimpleNamespace(gpu=37)

    calls: dict[str, Any] = {
        "NVMLError": NVMLError,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: count,
        "nvmlDeviceGetHandleByIndex": lambda number: number,
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=24 * GIB, used=GIB),
        "nvmlDeviceGetName": lambda handle: b"Some GPU",
        "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}abc",
        "nvmlDeviceGetUtilizationRates": no_reading,
        "nvmlDeviceGetTemperature": lambda handle, kind: 61,
    }
    return SimpleNamespace(**calls | changes)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine whose driver has not been asked yet."""
    monkeypatch.setattr(devices, "_nvml_ready", None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return monkeypatch


def test_cards_and_readings_that_one_does_not_have(machine: pytest.MonkeyPatch) -> None:
    machine.setitem(sys.modules, "pynvml", library())
    first, second = devices.gpus()
    assert first == devices.Gpu(0, "GPU-0abc", "Some GPU", 24 * GIB, GIB, 37.0, 61.0)
    assert (second.index, second.percent, second.temperature) == (1, None, 61.0)


def test_without_a_driver_there_are_no_gpus_and_it_is_asked_once(machine: pytest.MonkeyPatch) -> None:
    asked = []

    def no_driver() -> None:
        asked.append(1)
        raise NVMLError("driver not loaded")

    machine.setitem(sys.modules, "pynvml", library(nvmlInit=no_driver))
    assert (devices.gpus(), devices.meters().gpus, len(asked)) == ((), (), 1)


def test_a_card_that_has_fallen_off_is_skipped(machine: pytest.MonkeyPatch) -> None:
    def gone(number: int) -> int:
        if number == 0:
            raise NVMLError("GPU is lost")
        return number

    machine.setitem(sys.modules, "pynvml", library(nvmlDeviceGetHandleByIndex=gone))
    assert [gpu.index for gpu in devices.gpus()] == [1]


def test_the_schedulers_own_choice_hides_no_card_but_meters_keep_to_it(machine: pytest.MonkeyPatch) -> None:
    machine.setitem(sys.modules, "pynvml", library())
    machine.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [gpu.index for gpu in devices.gpus()] == [0, 1]
    assert [gpu.index for gpu in devices.meters().gpus] == [1]


def test_meters_read_this_machine() -> None:
    now = devices.meters()
    assert now.cores >= 1
    assert 0 < now.memory_used < now.memory_total
    assert 0 <= now.cpu_percent <= 100


def test_a_worker_sees_its_gpu_alone_by_uuid(store: Store, machine: pytest.MonkeyPatch) -> None:
    machine.setitem(sys.modules, "pynvml", library())
    need = read_need(store.run(create_run(store.paths, tiny_spec("a", 5, device="cuda:1", gpu_share=0.5))))
    assert need is not None and (need.device, need.gpu_share) == ("cuda:1", 0.5)
    launch = make_launch(store.paths, need, 1, "cuda:1", devices.gpus())
    env = dict(launch.env)
    assert (env["CUDA_VISIBLE_DEVICES"], env["WORKBENCH_DEVICE"]) == ("GPU-1abc", "cuda:0")
    assert env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert launch.gpu == 0.5


TWO = tuple(devices.Gpu(k, f"GPU-{k}abc", "H", 1 << 34, 0, None) for k in range(2))
CHECKS: dict[str, tuple[str, tuple[devices.Gpu, ...], str | None, str]] = {
    "auto needs none": ("auto", (), None, ""),
    "here": ("cuda:1", TWO, None, ""),
    "any": ("gpu", TWO, "1", ""),
    "not here": (
        "cuda:2",
        TWO,
        None,
        "The device cuda:2 is not on this machine. Here are cuda:0 (H), cuda",
    ),
    "no driver": ("gpu", (), None, "A GPU is not on this machine. No GPU was found"),
    "hidden": (
        "cuda:0",
        TWO,
        "1",
        "The device cuda:0 is hidden by CUDA_VISIBLE_DEVICES. Here are cuda:1 (",
    ),
    "all hidden": ("gpu", TWO, "", "A GPU is hidden by CUDA_VISIBLE_DEVICES. CUDA_VISIBLE_DEVICES= hides"),
}


@pytest.mark.parametrize("case", CHECKS)
def test_devices_are_checked_against_what_the_submitter_may_use(case: str) -> None:
    device, here, chosen, expected = CHECKS[case]
    if not expected:
        devices.check_device(device, here, chosen)
        return
    with pytest.raises(WorkbenchError) as caught:
        devices.check_device(device, here, chosen)
    assert str(caught.value).startswith(expected) and caught.value.exit_code == DEVICE


def test_a_run_keeps_to_the_gpus_of_its_submitter_whatever_the_schedulers_are(
    store: Store, machine: pytest.MonkeyPatch
) -> None:
    """Situation 14: the scheduler was started under 0, the run submitted under 1."""
    machine.setitem(sys.modules, "pynvml", library())
    machine.setenv("CUDA_VISIBLE_DEVICES", "1")
    run_id = create_run(store.paths, tiny_spec("a", 5, device="auto"), variables=submitter_variables())
    machine.setenv("CUDA_VISIBLE_DEVICES", "0")
    keeper = Keeper(store, replace(OPTIONS, worker=(sys.executable, "-c", "")))
    keeper.tick()
    assert load_state(store.run(run_id)).device == "cuda:1"
    need = read_need(store.run(run_id))
    assert need is not None
    launch = make_launch(store.paths, need, 1, "cuda:1", devices.gpus())
    assert dict(launch.env)["CUDA_VISIBLE_DEVICES"] == "GPU-1abc"


def test_the_queue_says_why_runs_wait_and_for_how_long(store: Store, machine: pytest.MonkeyPatch) -> None:
    machine.setitem(sys.modules, "pynvml", library(count=1))
    worker = (sys.executable, "-c", "import time; time.sleep(60)")
    ids = [create_run(store.paths, tiny_spec(name, 5, device="gpu")) for name in "abc"]
    keeper = Keeper(store, replace(OPTIONS, worker=worker))
    until(lambda: load_state(store.run(ids[0])).state == "running", 10, keeper.tick)
    progress = {"phase": "training", "step": 10, "total": 100, "steps_per_second": 0.5}
    write_json(store.run(ids[0]).progress, progress)
    rows = {row.id: row for row in explained(store.paths, index_of(store).rows(), serving=True)}
    assert [rows[run_id].state for run_id in ids] == ["running", "queued", "queued"]
    why = "the memory of a run on it is not measured yet"
    assert rows[ids[1]].reason == f"Waiting for the GPU: {why}, about 3 min."
    assert rows[ids[2]].reason == "Waiting for the GPU: earlier runs go first."
    assert rows[ids[0]].reason == ""
