"""The machine's processors and memory: how many, how busy, and whether a requested device is present.

The only place that reads the system (psutil) and NVIDIA's management library (NVML), which never
creates a CUDA context and may be absent.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from typing import Any

import psutil

from workbench.errors import DEVICE, WorkbenchError

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
        gpus=gpus(),
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
    """Return the GPUs that may be used: none without a driver; CUDA_VISIBLE_DEVICES is respected."""
    with _nvml_lock:
        nvml = _nvml()
        if nvml is None:
            return ()
        try:
            found = [_gpu(nvml, number) for number in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError:
            return ()
    return visible([gpu for gpu in found if gpu is not None], os.environ.get("CUDA_VISIBLE_DEVICES"))


def visible(found: list[Gpu], chosen: str | None) -> tuple[Gpu, ...]:
    """Keep the GPUs named by CUDA_VISIBLE_DEVICES (numbers or UUID prefixes); None keeps all."""
    if chosen is None:
        return tuple(found)
    kept: list[Gpu] = []
    for word in (part.strip() for part in chosen.split(",")):
        number = int(word) if word.isdecimal() else -1
        by_uuid = word.startswith("GPU-")
        match = [g for g in found if g.index == number or (by_uuid and g.uuid.startswith(word))]
        if not match:
            break  # CUDA ignores what follows a device that does not exist
        kept.append(match[0])
    return tuple(kept)


def check_device(device: str, here: tuple[Gpu, ...] | None = None) -> None:
    """Check that `device` (auto, cpu, cuda:N) is on this machine.

    Raises:
        WorkbenchError: if it is not (exit code 6).
    """
    if not device.startswith("cuda:"):
        return
    here = gpus() if here is None else here
    if any(device == f"cuda:{gpu.index}" for gpu in here):
        return
    if here:
        names = ", ".join(f"cuda:{gpu.index} ({gpu.name})" for gpu in here)
        hint = f"Here are {names}; choose one with --set resources.device=…"
    else:
        hint = "No GPU was found: use --set resources.device=cpu, or see `workbench doctor`."
    raise WorkbenchError(f"The device {device} is not on this machine.", hint, DEVICE)


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
