"""IDX files, the format of MNIST: a folder with files of images and of labels, also compressed by gzip."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from workbench.spec.data.files.raw import Allocate, Array, Raw, array_place, refused
from workbench.spec.data.settings import DataSettings

TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
NAMED = ("-idx", ".idx")  # what the names of such files hold, before the number of axes
TESTS = ("t10k", "test")


def is_idx(name: str) -> bool:
    """Whether a file has the name of an IDX file, such as train-images-idx3-ubyte."""
    return any(part in name.lower() for part in NAMED)


def files(path: Path, settings: DataSettings) -> list[Path]:
    """Return the files whose content counts."""
    return list(_roles(path, settings).values())


def read(path: Path, settings: DataSettings, allocate: Allocate) -> Raw:
    """Read the arrays of a folder; those of bytes that are not compressed are mapped.

    Raises:
        WorkbenchError: with file and reason (exit code DATA).
    """
    roles = _roles(path, settings)
    arrays = {role: read_file(file) for role, file in roles.items()}
    return Raw(
        arrays["examples"],
        arrays.get("labels"),
        arrays.get("test"),
        arrays.get("test_labels"),
        array_place(roles["examples"].name),
        array_place(roles.get("test", roles["examples"]).name),
    )


def read_file(path: Path) -> Array:
    """Return the array of one IDX file, in this machine's byte order.

    Raises:
        WorkbenchError: if it is no such file, or is truncated.
    """
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or not start[3]:
                raise refused(path, "it is no IDX file")
            sizes = file.read(4 * start[3])
            if len(sizes) < 4 * start[3]:
                raise refused(path, "it is truncated")
            shape = struct.unpack(f">{start[3]}I", sizes)
            dtype, begin = np.dtype(TYPES[start[2]]), 4 + len(sizes)
            want = math.prod(shape) * dtype.itemsize
            if packed:
                body = file.read(want + 1)
                have = len(body)
            else:
                have = path.stat().st_size - begin
    except (OSError, EOFError, zlib.error) as problem:
        raise refused(path, str(getattr(problem, "strerror", None) or problem)) from None
    if have != want:
        raise refused(path, f"it holds {have} bytes of values, and its header promises {want}")
    if packed:
        return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="))
    if dtype.itemsize > 1:
        return np.fromfile(path, dtype, offset=begin).reshape(shape).astype(dtype.newbyteorder("="))
    return np.memmap(path, dtype, "r", begin, shape) if want else np.empty(shape, dtype)


def _roles(path: Path, settings: DataSettings) -> dict[str, Path]:
    """Return which file holds what: as the settings say, or by the usual names."""
    names = sorted(entry.name for entry in path.iterdir() if is_idx(entry.name) and entry.is_file())
    plain = [name for name in names if f"{name}.gz" not in names or name.endswith(".gz")]
    names = [name for name in plain if not (name.endswith(".gz") and name[:-3] in names)] or names

    def first(what: str, test: bool) -> str:
        fits = (n for n in names if what in n.lower() and n.lower().startswith(TESTS) == test)
        return next(fits, "")

    chosen = {
        "examples": settings.examples or first("images", False),
        "labels": settings.labels or first("labels", False),
        "test": settings.test or first("images", True),
        "test_labels": settings.test_labels or first("labels", True),
    }
    if not chosen["examples"]:
        hint = "Name the file with data.examples."
        raise refused(path, f"none of its files is named like images: {', '.join(names)[:200]}", hint)
    if chosen["labels"] == "none" or chosen["test"] in ("", "none"):
        chosen["test_labels"] = ""
    roles = {role: path / name for role, name in chosen.items() if name not in ("", "none")}
    for role, file in roles.items():
        if not file.is_file():
            raise refused(path, f"data.{role} names no file of this folder: {file.name}")
    return roles
