"""Data sets by name, resident on the device."""

from __future__ import annotations

from pathlib import Path

import torch

from workbench.engine.data.dataset import Arrays, DataSet
from workbench.engine.data.subset import hold_out
from workbench.engine.streams import stream_seed
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
    arrays = _source(settings, data_dir, download)
    binarise = settings.binarise if arrays.kind == "grey" else "none"
    if binarise in ("static", "threshold"):
        arrays = _binarised(arrays, settings)
    arrays = hold_out(arrays, settings)
    return DataSet(
        settings.name, arrays, dynamic=binarise == "dynamic", device=torch.device(device), dtype=dtype
    )


def _source(settings: DataSettings, data_dir: Path, download: bool) -> Arrays:
    # each source is imported when it is asked for: start-up time counts
    if settings.name in ("moons", "square"):
        from workbench.engine.data import points

        return points.moons(settings) if settings.name == "moons" else points.square(settings)
    if settings.name in ("onehot4", "onehot8", "bits8"):
        from workbench.engine.data import codes

        return (
            codes.bits8(settings)
            if settings.name == "bits8"
            else codes.one_hot(settings, int(settings.name[-1]))
        )
    if settings.name == "digits":
        from workbench.engine.data.digits import digits

        return digits(settings)
    from workbench.engine.data.pictures import pictures

    return pictures(settings, data_dir, download)


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
    return Arrays(bits[0], arrays.train_y, bits[1], arrays.test_y, arrays.shape, "binary", arrays.classes)
