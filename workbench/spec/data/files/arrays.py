"""Arrays in .npy and .npz files: mapped where they lie uncompressed, never unpickled."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from workbench.errors import did_you_mean
from workbench.spec.data.files.raw import Allocate, Array, Raw, array_place, refused
from workbench.spec.data.settings import DataSettings

# keys that are taken where the settings name none, the first that is there
EXAMPLES = ("x", "X", "x_train", "X_train", "train_x", "train_images", "images", "data", "features", "arr_0")
LABELS = ("y", "Y", "y_train", "Y_train", "train_y", "train_labels", "labels", "label", "target", "targets")
TEST = ("x_test", "X_test", "test_x", "test_images", "test_data")
TEST_LABELS = ("y_test", "Y_test", "test_y", "test_labels", "test_targets")
LOCAL_HEADER = 30  # bytes of a zip entry's own header, before its name


def npy_files(path: Path, settings: DataSettings) -> list[Path]:
    """Return the files whose content counts."""
    return [path, *_beside(path, settings).values()]


def read_npy(path: Path, settings: DataSettings, allocate: Allocate) -> Raw:
    """Map an array of examples, and those of labels and the test split that are named beside it.

    Raises:
        WorkbenchError: with file and reason (exit code DATA).
    """
    if settings.examples:
        raise refused(path, "data.examples is for files that hold more than one array")
    maps = {name: map_npy(file) for name, file in _beside(path, settings).items()}
    arrays = (map_npy(path), maps.get("labels"), maps.get("test"), maps.get("test_labels"))
    return Raw(*arrays, array_place(path.name), array_place(settings.test))


def read_npz(path: Path, settings: DataSettings, allocate: Allocate) -> Raw:
    """Map or unpack the arrays of an .npz file that the settings name, or that have a usual name.

    Raises:
        WorkbenchError: with file, key and reason (exit code DATA).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            if not keys:
                raise refused(path, "it holds no arrays")
            x = _key(path, keys, settings.examples, EXAMPLES, "examples") or (
                keys[0] if len(keys) == 1 else ""
            )
            if not x:
                raise refused(
                    path, f"none of its keys is a usual name for examples: {', '.join(keys)[:200]}",
                    "Name one with data.examples.",
                )  # fmt: skip
            y = _key(path, keys, settings.labels, LABELS, "labels")
            test = _key(path, keys, settings.test, TEST, "test")
            test_y = _key(path, keys, settings.test_labels, TEST_LABELS, "test_labels") if test and y else ""
            arrays = {key: _entry(path, archive, key) for key in (x, y, test, test_y) if key}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as problem:
        raise refused(path, f"it is damaged or no .npz file ({problem})") from None
    raw = Raw(
        arrays[x], arrays.get(y), arrays.get(test), arrays.get(test_y), array_place(x), array_place(test)
    )
    unused = [key for key in keys if key not in (x, y, test, test_y)]
    raw.notes += [f"Keys that are not used: {', '.join(unused)[:200]}."] if unused else []
    return raw


def map_npy(path: Path) -> Array:
    """Return the array of an .npy file as a read-only memory map.

    Raises:
        WorkbenchError: if it is none, is truncated, or holds objects.
    """
    try:
        with path.open("rb") as file:
            return _map(path, file, str(path), path.stat().st_size)
    except OSError as problem:
        raise refused(path, problem.strerror or str(problem)) from None


def _beside(path: Path, settings: DataSettings) -> dict[str, Path]:
    """Return the other .npy files that the settings name, relative to the folder of `path`."""
    named = {"labels": settings.labels, "test": settings.test, "test_labels": settings.test_labels}
    files = {key: path.parent / name for key, name in named.items() if name not in ("", "none")}
    for key, file in files.items():
        if file.suffix != ".npy" or not file.is_file():
            raise refused(path, f"data.{key} must name an .npy file beside it, and {file} is none")
    return files


def _key(path: Path, keys: list[str], wanted: str, usual: tuple[str, ...], setting: str) -> str:
    """Return the key that is wanted, or the first usual one, or an empty text."""
    if wanted == "none":
        return ""
    if wanted and wanted not in keys:
        near = did_you_mean(wanted, keys)
        raise refused(
            path, f"it has no key '{wanted}' (data.{setting}); its keys are {', '.join(keys)[:200]}", near
        )
    return wanted or next((key for key in usual if key in keys), "")


def _entry(path: Path, archive: zipfile.ZipFile, key: str) -> Array:
    """Return one array of the archive: mapped if it is stored as it is, else unpacked. Its CRC is checked."""
    info = archive.getinfo(f"{key}.npy")
    place = f"'{key}' of {path}"
    with archive.open(info) as member:
        if info.compress_type != zipfile.ZIP_STORED:
            _header(member, place, info.file_size)
            member.seek(0)
            return np.lib.format.read_array(member, allow_pickle=False)
        while member.read(1 << 20):  # checks the CRC
            pass
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(LOCAL_HEADER)
        names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        start = info.header_offset + LOCAL_HEADER + names
        file.seek(start)
        return _map(path, file, place, start + info.file_size)


def _header(file: IO[bytes], place: str, size: int) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read an array's header; refuse objects, other things than arrays, and too few bytes."""
    try:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(file)
    except ValueError:
        raise refused(place, "it is no numpy array; pickles are not loaded") from None
    if dtype.hasobject:
        raise refused(place, "it holds Python objects, which are not loaded", "Save numbers in an array.")
    if math.prod(shape) * dtype.itemsize + file.tell() > size:
        raise refused(place, "it is truncated")
    return shape, fortran, dtype


def _map(path: Path, file: IO[bytes], place: str, end: int) -> Array:
    shape, fortran, dtype = _header(file, place, end)
    if 0 in shape:
        return np.empty(shape, dtype)  # nothing to map
    return np.memmap(path, dtype, "r", file.tell(), shape, "F" if fortran else "C")
