"""What has to be there before a model can train or be evaluated: its device, its number type, the model."""

from __future__ import annotations

import os
from pkgutil import resolve_name

import torch

from workbench.engine.averaging import Average
from workbench.engine.data.batch import DataInfo
from workbench.engine.model import LatentModel
from workbench.engine.streams import Streams
from workbench.errors import DEVICE, WorkbenchError
from workbench.spec.schema import RunSpec

DTYPES = {"float32": torch.float32, "float64": torch.float64, "bf16": torch.float32}  # of weights


def configure_torch(spec: RunSpec) -> None:
    """Set the number of threads, flush denormal numbers to zero, and use full products of matrices."""
    torch.set_num_threads(spec.resources.threads)
    torch.backends.cudnn.allow_tf32 = False  # torch's default is True; see precision.py
    torch.set_flush_denormal(True)  # Adam's moments of dead inputs decay into numbers 100 times slower


def choose_device(wanted: str) -> torch.device:
    """Return the device to train on; `WORKBENCH_DEVICE`, set by the scheduler, overrides `wanted`.

    Raises:
        WorkbenchError: if that GPU is not on this machine (exit code DEVICE): there is no silent fallback.
    """
    name = os.environ.get("WORKBENCH_DEVICE") or wanted
    if name == "auto":
        name = "cuda:0" if torch.cuda.is_available() else "cpu"
    device = torch.device("cuda:0" if name == "gpu" else name)
    count = torch.cuda.device_count() if device.type == "cuda" and torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise WorkbenchError(
            f"Cannot use {name}: torch finds {count} GPUs.",
            "Set resources.device to cpu or auto, or run on a machine with that GPU.",
            DEVICE,
        )
    return device


def describe(device: torch.device) -> str:
    """Return the device's name for people: cpu, or cuda:0 with the model of the GPU."""
    if device.type != "cuda":
        return str(device)
    return f"{device} ({torch.cuda.get_device_name(device)})"


def build_model(spec: RunSpec, data: DataInfo, streams: Streams) -> LatentModel:
    """Return the model of the spec's family, its weights drawn from the stream "init".

    With `training.ema` it has averaged weights. The decay of families with `model.ema` is theirs unless
    `training.ema` is set, and they have the average even at 0.
    """
    model: LatentModel = resolve_name(spec.model.engine)(spec.model, spec.training, data, streams)
    decay = spec.training.ema or getattr(spec.model, "ema", None)
    if decay is not None:
        model.average = Average(model, decay)
    return model
