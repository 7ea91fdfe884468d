"""GPUs as a management library reports them, here a made-up one; and what a worker sees of its GPU."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tests.queue.person import tiny_spec
from workbench.errors import WorkbenchError
from workbench.queue import devices
from workbench.queue.attempt_command import make_launch, read_need
from workbench.store.runs import create_run
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


def test_only_visible_cards_count(machine: pytest.MonkeyPatch) -> None:
    machine.setitem(sys.modules, "pynvml", library())
    machine.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [gpu.index for gpu in devices.gpus()] == [1]


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


def test_visible_devices_are_respected_and_devices_checked() -> None:
    two = [devices.Gpu(k, f"GPU-{k}abc", "H", 1 << 34, 0, None) for k in range(2)]
    assert devices.visible(two, None) == tuple(two)
    assert devices.visible(two, "") == ()
    assert devices.visible(two, "1") == (two[1],)
    assert devices.visible(two, "GPU-1a,0") == (two[1], two[0])
    assert devices.visible(two, "0,7,1") == (two[0],)  # as CUDA does: nothing counts after a bad one
    devices.check_device("cuda:1", tuple(two))
    devices.check_device("auto", ())
    with pytest.raises(WorkbenchError, match="cuda:2") as caught:
        devices.check_device("cuda:2", tuple(two))
    assert "cuda:0 (H), cuda:1 (H)" in caught.value.hint
