"""CelebA at 64×64: torchvision's files and splits, decoded once into the cache of data."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from workbench.engine.data.pictures import explain, fetch, torchvision_datasets
from workbench.engine.data.subset import choose
from workbench.errors import DATA, WorkbenchError
from workbench.spec.data import Arrays
from workbench.spec.data.checksums import check_celeba
from workbench.spec.data.files.cache import Draft, data_cache, read_entry
from workbench.spec.data.files.raw import Array
from workbench.spec.data.files.view import View
from workbench.spec.data.settings import DataSettings

CROP, SIDE = 148, 64  # pixels: the middle square of the aligned 178×218 images, and what it is resized to
SPLITS = {"train": "examples", "test": "test"}


def celeba(settings: DataSettings, folder: Path, download: bool) -> Arrays:
    """Return training and test images of CelebA, [N, 64 · 64 · 3] bytes; labels are one attribute, or none.

    Images are cropped to the middle 148×148 pixels and resized to 64×64, the usual treatment for generative
    models. The split "valid" is not used.

    Raises:
        WorkbenchError: if the files are missing, damaged, or cannot be fetched, or if `data.labels` is no
            attribute.
    """
    check_celeba(settings, folder)
    kind = torchvision_datasets().CelebA
    try:
        sets = {split: _opened(kind, folder, download, split) for split in SPLITS}
    except Exception as problem:  # torchvision, gdown and the file system each have their own
        raise explain("celeba", folder, download, problem) from problem
    images = _decoded(sets, folder / "celeba" / "img_align_celeba")
    rows, labels, classes = {}, {}, 0
    for split, data in sets.items():
        size = getattr(settings, f"{split}_size")
        rows[split] = choose(len(data.filename), size, split, settings).numpy()
        labels[split], classes = _labels(settings, data)
    return Arrays(
        View(images["train"], rows["train"]),
        labels["train"][rows["train"]],
        View(images["test"], rows["test"]),
        labels["test"][rows["test"]],
        (SIDE, SIDE, 3),
        "grey",
        classes,
        levels=255,
        test_rows=rows["test"],
    )


def _opened(kind: Any, folder: Path, download: bool, split: str) -> Any:
    try:
        return kind(str(folder), split=split, target_type="attr", download=False)
    except RuntimeError:
        if not download:
            raise
        return fetch(kind, folder, {"split": split, "target_type": "attr"})


def _labels(settings: DataSettings, data: Any) -> tuple[torch.Tensor, int]:
    """Return the attribute that `data.labels` names as 0 or 1, [N], and the number of classes."""
    if settings.labels in ("", "none"):
        return torch.zeros(len(data.filename), dtype=torch.int64), 0
    return data.attr[:, data.attr_names.index(settings.labels)].long(), 2


def _decoded(sets: dict[str, Any], folder: Path) -> dict[str, Array]:
    """Return the images of each split, [N, 64 · 64 · 3]: from the cache, or decoded into it (minutes)."""
    listed = hashlib.sha256(f"{CROP} {SIDE}".encode())
    for data in sets.values():
        for name in data.filename:
            listed.update(f"{name} {(folder / name).stat().st_size}\n".encode())
    entry = data_cache() / f"celeba-{listed.hexdigest()[:16]}"
    known = read_entry(entry)
    if known is None:
        draft = Draft(entry)
        try:
            made = {}
            for split, name in SPLITS.items():
                files = sets[split].filename
                made[name] = draft.allocate(name, (len(files), SIDE, SIDE, 3), np.uint8)
                for row, file in enumerate(files):
                    made[name][row] = _square(folder / file)
        except BaseException:
            draft.discard()
            raise
        report = {"rows": {name: len(array) for name, array in made.items()}}
        known = draft.commit(report) or (report, made)
    return {split: known[1][name].reshape(len(known[1][name]), -1) for split, name in SPLITS.items()}


def _square(file: Path) -> Array:
    try:
        with Image.open(file, formats=["JPEG"]) as image:
            left, top = ((size - CROP) // 2 for size in image.size)
            box = (left, top, left + CROP, top + CROP)
            return np.asarray(image.convert("RGB").crop(box).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    except Exception as problem:  # a decoder meets whatever a damaged file holds
        raise WorkbenchError(
            f"{file} is damaged ({' '.join(str(problem).split())[:100]}).", "Copy a good one there.", DATA
        ) from None
