"""What has been read and checked once: a folder per content and way of reading, in the user's cache folder.

An entry appears whole, by one rename; of two processes that make the same one, the second finds it there.
Deleting entries, or the whole folder, costs only the time of reading again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from workbench.settings import cache_dir
from workbench.spec.data.files.raw import Array
from workbench.spec.data.settings import DataSettings

VERSION = 1  # of readers and entries: a change makes entries of other versions useless
READING = ("examples", "labels", "test", "test_labels", "image_size", "colour", "header")
REPORT = "report.json"
ABANDONED = 86_400.0  # seconds after which an entry in the making is given up


def data_cache() -> Path:
    """Return the folder of the entries; it need not exist."""
    return cache_dir() / "data"


def entry_path(settings: DataSettings, format: str, content: str) -> Path:
    """Return the folder of the entry for this content, read as the settings say."""
    reading = json.dumps([VERSION, format, *(getattr(settings, key) for key in READING)])
    return data_cache() / f"{content}-{hashlib.sha256(reading.encode()).hexdigest()[:8]}"


def read_entry(entry: Path) -> tuple[dict[str, Any], dict[str, Array]] | None:
    """Return an entry's report and the arrays in it, mapped; None if there is none, or it is damaged."""
    try:
        report = json.loads((entry / REPORT).read_text(encoding="utf-8"))
        maps = {name: np.load(entry / f"{name}.npy", mmap_mode="r") for name in report["here"]}
        return report, {name: array[: report["rows"][name]] for name, array in maps.items()}
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


class Draft:
    """An entry in the making, in a hidden folder beside its place; memory where nothing can be written."""

    def __init__(self, entry: Path) -> None:
        self.entry = entry
        self.made: set[str] = set()  # names of its arrays
        self.folder: Path | None = None
        with contextlib.suppress(OSError):
            entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for other in entry.parent.glob(".new-*"):
                if time.time() - other.stat().st_mtime > ABANDONED:  # its process was killed
                    shutil.rmtree(other, ignore_errors=True)
            self.folder = Path(tempfile.mkdtemp(prefix=".new-", dir=entry.parent))  # private: mode 0700

    def allocate(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array to be filled: a file of the entry, or memory if there is no space for it."""
        self.made.add(name)
        if self.folder is not None:
            need = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            with contextlib.suppress(OSError, ValueError):
                if need < shutil.disk_usage(self.folder).free:  # a map of a full disk ends the process
                    path = self.folder / f"{name}.npy"
                    return np.lib.format.open_memmap(path, "w+", dtype=dtype, shape=shape)
            self.discard()
        return np.empty(shape, dtype)

    def commit(self, report: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Array]] | None:
        """Put the entry in its place and return it as it can be read there; None if it was not written."""
        if self.folder is None:
            return None
        try:
            text = json.dumps({**report, "here": sorted(self.made)})
            (self.folder / REPORT).write_text(text, encoding="utf-8")
            if read_entry(self.entry) is None:
                shutil.rmtree(self.entry, ignore_errors=True)
            self.folder.rename(self.entry)
        except OSError:  # another process was first, or the disk is full
            self.discard()
        return read_entry(self.entry)

    def discard(self) -> None:
        """Remove what has been made."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None
