"""Data sets by name, resident on the device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch
from torch import Tensor

from workbench.engine.data.dataset import DataSet
from workbench.engine.data.subset import hold_out
from workbench.engine.free_memory import free_bytes
from workbench.engine.streams import stream_seed
from workbench.errors import DATA, WorkbenchError
from workbench.spec.data import Arrays, source_of
from workbench.spec.data.files.view import View
from workbench.spec.data.settings import DataSettings
from workbench.text import format_bytes

__all__ = ["DataSet", "load"]


def load(
    settings: DataSettings,
    data_dir: Path,
    download: bool = True,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    budget: int | None = None,
) -> DataSet:
    """Return the data set `settings` describe; pictures lie (or are downloaded) under `data_dir`.

    Own data of more than `budget` bytes (None: half of the device's free memory) stay on disk and are read
    batch by batch. That changes no number.

    Raises:
        WorkbenchError: if its files are missing, damaged, or cannot be fetched (exit code DATA).
    """
    arrays: Arrays = resolve_name(source_of(settings).load)(settings, data_dir, download)
    binarise = settings.binarise if arrays.kind == "grey" else "none"
    views = [x for x in (arrays.train_x, arrays.test_x) if isinstance(x, View)]
    size = sum(x.bytes for x in views)
    if size > (free_bytes(device) // 2 if budget is None else budget):
        if binarise in ("static", "threshold"):
            raise WorkbenchError(
                f"{settings.name} takes {format_bytes(size)} and is read from disk, where data.binarise = "
                f"{binarise} is not possible.",
                "Set data.binarise to dynamic or none, or data.train_size to fewer examples.",
                DATA,
            )
    else:
        arrays = replace(arrays, train_x=_in_memory(arrays.train_x), test_x=_in_memory(arrays.test_x))
    arrays = replace(
        arrays,
        train_y=torch.as_tensor(arrays.train_y, dtype=torch.int64),
        test_y=torch.as_tensor(arrays.test_y, dtype=torch.int64),
    )
    if binarise in ("static", "threshold"):
        arrays = _binarised(arrays, settings)
    arrays = hold_out(arrays, settings)
    return DataSet(
        settings.name,
        arrays,
        dynamic=binarise == "dynamic",
        device=torch.device(device),
        dtype=dtype,
        own=settings.hash if settings.path else None,
    )


def _in_memory(x: Any) -> Tensor:
    return torch.as_tensor(x.read() if isinstance(x, View) else x)


def _binarised(arrays: Arrays, settings: DataSettings) -> Arrays:
    """Cut every pixel at one half, or draw it once from `data.seed`: the same bits in every run."""
    bits = []
    for name, x in (("train", arrays.train_x), ("test", arrays.test_x)):
        if settings.binarise == "threshold":
            wide = x.int() if x.dtype == torch.uint8 else x
            bits.append((2 * (wide - (arrays.shift or 0)) > arrays.levels).to(torch.uint8))
        else:
            generator = torch.Generator().manual_seed(stream_seed(settings.seed, f"binarise/{name}"))
            drawn = torch.rand(x.shape, generator=generator) * arrays.levels < x - (arrays.shift or 0)
            bits.append(drawn.to(torch.uint8))
    return replace(arrays, train_x=bits[0], test_x=bits[1], kind="binary", levels=1, shift=None)
