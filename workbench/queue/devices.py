"""The machine's processors and memory: how many, how busy, and whether a requested device is present.

The only place that reads the system (psutil) and NVIDIA's management library (NVML), which never
creates a CUDA context and may be absent.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from workbench.errors import DEVICE, WorkbenchError
from workbench.queue.policy import visible

MIB = 1 << 20


@dataclass(frozen=True)
class Gpu:
    """One GPU that may be used. `index` is N of `cuda:N` (PCI order); memory in bytes."""

    index: int
    uuid: str
    name: str
    memory_total: int
    memory_used: int
    percent: float | None  # share of the last moments in which any kernel ran; None if unknown
    temperature: float | None = None  # °C


@dataclass(frozen=True)
class Meters:
    """One reading of the machine; memory in bytes."""

    cpu_percent: float  # of all cores, since the last reading
    cores: int
    memory_used: int
    memory_total: int
    gpus: tuple[Gpu, ...] = ()


_nvml_lock = threading.Lock()
_nvml_ready: bool | None = None  # None: not tried


def meters() -> Meters:
    """Read the meters; never raises. The first reading of the CPU is 0."""
    memory = psutil.virtual_memory()
    return Meters(
        cpu_percent=float(psutil.cpu_percent(None)),
        cores=cores(),
        memory_used=int(memory.total - memory.available),
        memory_total=int(memory.total),
        gpus=visible(gpus(), os.environ.get("CUDA_VISIBLE_DEVICES")),
    )


def cores() -> int:
    """Return the number of cores this process may use."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except (AttributeError, OSError):
        return max(1, os.cpu_count() or 1)


def free_memory_mb() -> int:
    """Return the host memory that new processes could take, in MiB."""
    return int(psutil.virtual_memory().available) // MIB


def gpus() -> tuple[Gpu, ...]:
    """Return all GPUs of the machine, none without a driver; what CUDA_VISIBLE_DEVICES names is not asked."""
    with _nvml_lock:
        nvml = _nvml()
        if nvml is None:
            return ()
        try:
            found = [_gpu(nvml, number) for number in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError:
            return ()
    return tuple(gpu for gpu in found if gpu is not None)


def check_device(device: str, here: Sequence[Gpu] | None = None, chosen: str | None = None) -> None:
    """Check that `device` (auto, gpu, cpu, cuda:N) is on this machine.

    `here` are its GPUs (None: ask), `chosen` is the CUDA_VISIBLE_DEVICES that the run will keep to.

    Raises:
        WorkbenchError: if it is not, or hidden (exit code 6).
    """
    if device in ("auto", "cpu"):
        return
    here = gpus() if here is None else here
    shown = visible(here, chosen)
    if any(device in ("gpu", f"cuda:{gpu.index}") for gpu in shown):
        return
    names = ", ".join(f"cuda:{gpu.index} ({gpu.name})" for gpu in shown)
    if not here:
        hint = "No GPU was found: use --set resources.device=cpu, or see `workbench doctor`."
    elif not names:
        hint = f"CUDA_VISIBLE_DEVICES={chosen} hides the GPUs of this machine; unset it, or change it."
    else:
        hint = f"Here are {names}; choose one with --set resources.device=…"
        hint += f" CUDA_VISIBLE_DEVICES={chosen} hides others." if len(shown) < len(here) else ""
    what = "A GPU" if device == "gpu" else f"The device {device}"
    hidden = here and (device == "gpu" or any(device == f"cuda:{gpu.index}" for gpu in here))
    where = "hidden by CUDA_VISIBLE_DEVICES" if hidden else "not on this machine"
    raise WorkbenchError(f"{what} is {where}.", hint, DEVICE)


def _nvml() -> Any:
    """Return the initialised NVML module, or None where there is no driver."""
    global _nvml_ready
    if _nvml_ready is False:
        return None
    try:
        import pynvml  # needs the driver's library, which a machine without a GPU lacks

        if _nvml_ready is None:
            pynvml.nvmlInit()
            _nvml_ready = True
        return pynvml
    except Exception:
        # NVMLError without a driver, ImportError, OSError of a half-installed one: all mean "no GPU"
        _nvml_ready = False
        return None


def _gpu(nvml: Any, number: int) -> Gpu | None:
    """Read one GPU; a reading that the card does not give is None, a card that has fallen off is skipped."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(number)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        name, uuid = nvml.nvmlDeviceGetName(handle), nvml.nvmlDeviceGetUUID(handle)
    except nvml.NVMLError:
        return None

    percent = temperature = None
    with contextlib.suppress(nvml.NVMLError):
        percent = float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    with contextlib.suppress(nvml.NVMLError):
        temperature = float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    return Gpu(
        index=number,
        uuid=_text(uuid),
        name=_text(name),
        memory_total=int(memory.total),
        memory_used=int(memory.used),
        percent=percent,
        temperature=temperature,
    )


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
