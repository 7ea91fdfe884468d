"""MNIST, FashionMNIST, SVHN and CIFAR-10, read (and downloaded) by torchvision."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from pathlib import Path
from typing import Any

import torch

from workbench.engine.data.subset import choose
from workbench.errors import DATA, WorkbenchError
from workbench.spec.data import DATA_SETS, Arrays, DataSource
from workbench.spec.data.checksums import check
from workbench.spec.schema import DataSettings


def pictures(settings: DataSettings, folder: Path, download: bool) -> Arrays:
    """Return a torchvision data set as bytes, colour last.

    Raises:
        WorkbenchError: if the files are missing, damaged, or cannot be fetched or written.
    """
    source = DATA_SETS.find(settings.name)
    assert source is not None, "checked with the settings"
    check(settings, folder)
    train_x, train_y = _split(source, folder, download, train=True)
    test_x, test_y = _split(source, folder, download, train=False)
    train = choose(len(train_x), settings.train_size, "train", settings)
    test = choose(len(test_x), settings.test_size, "test", settings)
    return Arrays(
        train_x.flatten(1)[train],
        train_y[train],
        test_x.flatten(1)[test],
        test_y[test],
        tuple(train_x.shape[1:]),
        "grey",
        10,
        levels=255,
        test_rows=test,
    )


def _split(
    source: DataSource, folder: Path, download: bool, train: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pictures [N, H, W] or [N, H, W, 3] and labels [N] of one split."""
    name = source.name
    options: dict[str, Any] = {"split": "train" if train else "test"} if name == "svhn" else {"train": train}
    place = folder / "SVHN" if name == "svhn" else folder  # its files have no folder of their own
    kind = getattr(torchvision_datasets(), source.torchvision)
    try:
        try:
            data = kind(str(place), download=False, **options)
        except RuntimeError:
            if not download:
                raise
            data = fetch(kind, place, options)
    except Exception as problem:  # torchvision, urllib and the file system each have their own
        raise explain(name, place, download, problem) from problem
    x = torch.as_tensor(data.data)
    y = torch.as_tensor(data.labels if name == "svhn" else data.targets, dtype=torch.int64)
    if name == "svhn":
        x = x.permute(0, 2, 3, 1)
    return x.contiguous(), y


def fetch(kind: Any, place: Path, options: dict[str, Any]) -> Any:
    """Download a data set; other workers that want it meanwhile wait for it instead of fetching it too."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / f".{kind.__name__}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return kind(str(place), download=True, **options)


def explain(name: str, folder: Path, download: bool, problem: Exception) -> WorkbenchError:
    """Return one sentence and a fix for whatever went wrong while reading or fetching `name`."""
    text = " ".join(str(problem).split())
    if isinstance(problem, PermissionError) or (download and not _writable(folder)):
        return WorkbenchError(
            f"{name} is not in {folder}, and nothing can be read or written there.",
            "Correct the folder's permissions, or set WORKBENCH_DATA_DIR to another one.",
            DATA,
        )
    if not download and "not found" in text:
        return WorkbenchError(
            f"{name} is not in {folder}, or its files are damaged, and downloading is switched off.",
            "Allow the download, copy the files there, or set WORKBENCH_DATA_DIR to where they are.",
            DATA,
        )
    reason = re.search(r"<urlopen error (?:\[Errno -?\d+\] )?([^>]*)>", text)
    if reason or isinstance(problem, OSError):
        return WorkbenchError(
            f"{name} is not in {folder} and could not be downloaded ({reason[1] if reason else text[:200]}).",
            "Check the network and the disk, or copy the files there from another machine.",
            DATA,
        )
    return WorkbenchError(
        f"The files of {name} in {folder} are damaged ({text[:200] or type(problem).__name__}).",
        "Delete them, so that they are fetched again, or copy good ones there.",
        DATA,
    )


def _writable(folder: Path) -> bool:
    """Return whether `folder`, or the nearest parent that exists, takes new files."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)


def torchvision_datasets() -> Any:
    """Import torchvision.datasets, also where its wheel and torch's were built for different devices.

    torchvision registers fake kernels for `nms` and `qnms` at import, which fails if its compiled
    operators did not load (a CUDA wheel of one and a CPU wheel of the other). Reading pictures needs
    neither: declaring the two names lets the import pass.
    """
    try:
        from torchvision import datasets  # may fail, see above; loads in 1 s
    except RuntimeError as problem:
        if "torchvision::nms" not in str(problem):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]  # half-imported
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)  # the names go when the object does
        from torchvision import datasets  # once more
    return datasets


_KEPT: list[Any] = []
