"""Folders of images, flat or with one folder per class: whatever Pillow opens, as bytes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from workbench.spec.data.files.raw import Allocate, Array, Raw, refused
from workbench.spec.data.settings import DataSettings

MOST_UNREADABLE = 0.01  # of the images of a folder
SPLITS = (("train", "test"), ("training", "testing"), ("train", "val"))
NEVER = {"EPS", "PDF", "WMF"}  # Pillow starts other programs for them, or only writes them
GREY = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N", "I"}


@dataclass(frozen=True)
class Folder:
    """The images of one split, ordered by name, and the class of each by its folder's name."""

    root: Path
    files: list[Path]
    classes: list[str] | None


def files(path: Path, settings: DataSettings) -> list[Path]:
    """Return the images of both splits."""
    return [file for folder in _splits(path, settings) for file in folder.files]


def read(path: Path, settings: DataSettings, allocate: Allocate) -> Raw:
    """Decode all images to bytes [N, H, W] or [N, H, W, 3]; up to 1 % that cannot be read are left out.

    Raises:
        WorkbenchError: with file and reason (exit code DATA).
    """
    if settings.test_labels:
        raise refused(path, "data.test_labels is not for images: their folders are their classes")
    folders = _splits(path, settings)
    bad: dict[Path, str] = {}
    shape = _shape(path, folders, settings, bad)
    arrays: list[Array] = []
    kept: list[list[int]] = []
    for name, folder in zip(("examples", "test"), folders, strict=False):
        array = allocate(name, (len(folder.files), *shape), np.uint8)
        rows: list[int] = []
        for row, file in enumerate(folder.files):
            if file not in bad:
                try:
                    array[len(rows)] = decode(file, shape, settings.image_size)
                    rows.append(row)
                except Exception as problem:  # a decoder meets whatever a damaged file holds
                    bad[file] = _why(problem)
        arrays.append(array[: len(rows)])
        kept.append(rows)
    _few(path, bad, sum(len(folder.files) for folder in folders))
    labels = [
        np.array([folder.classes[row] for row in rows]) if folder.classes is not None else None
        for folder, rows in zip(folders, kept, strict=True)
    ]

    def place(split: int):  # type: ignore[no-untyped-def]
        return lambda row, position: (
            f"{folders[split].files[kept[split][row]].relative_to(folders[split].root)}, "
            f"pixel {tuple(map(int, position))}"
        )

    both = len(folders) > 1
    return Raw(
        arrays[0],
        labels[0],
        arrays[1] if both else None,
        labels[1] if both else None,
        place(0),
        place(len(folders) - 1),
        top=255,
        skipped=[f"{file.relative_to(path)}: {why}" for file, why in sorted(bad.items())],
    )


def decode(file: Path, shape: tuple[int, ...], size: int) -> Array:
    """Return an image as bytes of that shape; with `size` the middle square of it, resized.

    16-bit images are scaled to 8 bits, and transparency is laid on white.

    Raises:
        ValueError: for pixels that have no range; any of Pillow's errors for a damaged file.
    """
    with _open(file) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I"):
            deep = np.asarray(image).astype(np.int64)
            if deep.min() < 0 or deep.max() > 65535:
                raise ValueError("its pixels are beyond 16 bits")
            image = Image.fromarray(((deep + 128) // 257).astype(np.uint8))
        elif image.mode == "F":
            raise ValueError("its pixels are floating-point numbers")
        if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
            layer = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        image = image.convert("RGB" if len(shape) == 3 else "L")
        if size:
            side = min(image.size)
            left, top = ((length - side) // 2 for length in image.size)
            image = image.crop((left, top, left + side, top + side))  # a box of `resize` looks beyond itself
            image = image.resize(
                (size, size), Image.Resampling.BILINEAR
            )  # bicubic leaves the range of values
        return np.asarray(image)


def _shape(
    path: Path, folders: list[Folder], settings: DataSettings, bad: dict[Path, str]
) -> tuple[int, ...]:
    """Return the shape of an example from the headers of all files; note the files that have none."""
    sizes: dict[tuple[int, int], Path] = {}
    coloured = False
    for folder in folders:
        for file in folder.files:
            try:
                with _open(file) as image:
                    turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
                    sizes.setdefault(image.size[::-1] if turned else image.size, file)
                    coloured |= image.mode not in GREY
            except Exception as problem:  # as above
                bad[file] = _why(problem)
    _few(path, bad, sum(len(folder.files) for folder in folders))
    if len(sizes) > 1 and not settings.image_size:
        (first, one), (second, other) = list(sizes.items())[:2]
        raise refused(
            path,
            f"its images have {len(sizes)} sizes: {one.name} has {first[0]}×{first[1]} pixels, {other.name} "
            f"{second[0]}×{second[1]}",
            "Set data.image_size to resize them.",
        )
    width, height = next(iter(sizes))
    shape = (settings.image_size, settings.image_size) if settings.image_size else (height, width)
    return (*shape, 3) if settings.colour == "colour" or (settings.colour == "auto" and coloured) else shape


def _few(path: Path, bad: dict[Path, str], count: int) -> None:
    """Refuse a folder of which too many images cannot be read."""
    if len(bad) > MOST_UNREADABLE * count:
        file, why = min(bad.items())
        raise refused(
            path,
            f"{len(bad)} of its {count} images cannot be read, more than {MOST_UNREADABLE:.0%}; the first is "
            f"{file.relative_to(path)} ({why})",
        )


def _splits(path: Path, settings: DataSettings) -> list[Folder]:
    """Return the training images and, where they have a folder of their own, the test images."""
    own = settings.test not in ("", "none")
    train, test = settings.examples, settings.test if own else ""
    if not (train or test) and settings.test != "none":
        train, test = next(
            (pair for pair in SPLITS if all((path / name).is_dir() for name in pair)), ("", "")
        )
    for setting, name in (("examples", train), ("test", test)):
        if name and not (path / name).is_dir():
            raise refused(path, f"data.{setting} names no folder in it: {name}")
    without = (path / test).resolve() if test and not train else None
    folders = [_folder(path / train, settings, without)]
    if test:
        folders.append(_folder(path / test, settings, None))
    return folders


def _folder(root: Path, settings: DataSettings, without: Path | None) -> Folder:
    """Return the images below `root`, ordered by their names without folders: so classes mix."""
    found = sorted(_images(root, without), key=lambda file: (file.name, file.as_posix()))
    if not found:
        raise refused(root, "it holds no images" if root.is_dir() else "there is no such folder")
    top = [file.relative_to(root).parts for file in found]
    flat = sum(len(parts) == 1 for parts in top)
    if flat and flat < len(top) and settings.labels != "none":
        loose, inner = (
            next(f for f, p in zip(found, top, strict=True) if (len(p) == 1) == one) for one in (True, False)
        )
        raise refused(
            root,
            f"some images lie in folders ({inner.relative_to(root)}) and others do not ({loose.name})",
            "Sort all into folders of classes, or set data.labels=none.",
        )
    labelled = not flat and settings.labels != "none"
    return Folder(root, found, [parts[0] for parts in top] if labelled else None)


def _images(root: Path, without: Path | None) -> Iterator[Path]:
    """Yield the files below a folder whose names end like images; hidden ones are left out."""
    endings = _endings()
    for folder, inner, names in os.walk(root):
        here = Path(folder)
        inner[:] = sorted(name for name in inner if name[0] != "." and (here / name).resolve() != without)
        yield from (here / name for name in names if name[0] != "." and Path(name).suffix.lower() in endings)


def _why(problem: Exception) -> str:
    """Return in few words why an image cannot be read."""
    if isinstance(problem, Image.UnidentifiedImageError):
        return "no image"
    return (" ".join(str(problem).split()) or type(problem).__name__)[:100]


def _open(file: Path) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata, and sizes short of the refused
        return Image.open(file, formats=_formats())


@cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in Image.OPEN if name not in NEVER]


@cache
def _endings() -> set[str]:
    allowed = set(_formats())
    return {ending for ending, name in Image.registered_extensions().items() if name in allowed}
