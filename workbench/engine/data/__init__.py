"""Data sets by name, resident on the device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name

import torch

from workbench.engine.data.dataset import DataSet
from workbench.engine.data.subset import hold_out
from workbench.engine.streams import stream_seed
from workbench.spec.data import DATA_SETS, Arrays
from workbench.spec.schema import DataSettings

__all__ = ["DataSet", "load"]


def load(
    settings: DataSettings,
    data_dir: Path,
    download: bool = True,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> DataSet:
    """Return the data set `settings` describe; pictures lie (or are downloaded) under `data_dir`.

    Raises:
        WorkbenchError: if its files are missing, damaged, or cannot be fetched (exit code DATA).
    """
    source = DATA_SETS.find(settings.name)
    assert source is not None, "checked with the settings"
    arrays: Arrays = resolve_name(source.load)(settings, data_dir, download)
    arrays = replace(
        arrays,
        train_x=torch.as_tensor(arrays.train_x),
        train_y=torch.as_tensor(arrays.train_y, dtype=torch.int64),
        test_x=torch.as_tensor(arrays.test_x),
        test_y=torch.as_tensor(arrays.test_y, dtype=torch.int64),
    )
    binarise = settings.binarise if arrays.kind == "grey" else "none"
    if binarise in ("static", "threshold"):
        arrays = _binarised(arrays, settings)
    arrays = hold_out(arrays, settings)
    return DataSet(
        settings.name, arrays, dynamic=binarise == "dynamic", device=torch.device(device), dtype=dtype
    )


def _binarised(arrays: Arrays, settings: DataSettings) -> Arrays:
    """Cut every pixel at one half, or draw it once from `data.seed`: the same bits in every run."""
    bits = []
    for name, x in (("train", arrays.train_x), ("test", arrays.test_x)):
        if settings.binarise == "threshold":
            bits.append((2 * x.int() > arrays.levels).to(torch.uint8))
        else:
            generator = torch.Generator().manual_seed(stream_seed(settings.seed, f"binarise/{name}"))
            drawn = torch.rand(x.shape, generator=generator) * arrays.levels < x
            bits.append(drawn.to(torch.uint8))
    return replace(arrays, train_x=bits[0], test_x=bits[1], kind="binary", levels=1)
