"""Own data from a path: read, checked, hashed, split, and handed over as the arrays of any data set."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import DATA, WorkbenchError
from workbench.spec.data.base import Arrays, Kind
from workbench.spec.data.checksums import must_be
from workbench.spec.data.files import arrays, idx, images, tables
from workbench.spec.data.files.cache import Draft, entry_path, read_entry
from workbench.spec.data.files.check import (
    Values,
    checked,
    kind_and_range,
    outside,
    picture_shape,
)
from workbench.spec.data.files.raw import Allocate, Array, Raw, memory, refused
from workbench.spec.data.files.stored import colour_last, stored
from workbench.spec.data.files.view import View
from workbench.spec.data.report import DataReport, report_of
from workbench.spec.data.settings import DataSettings

Files = Callable[[Path, DataSettings], list[Path]]
Read = Callable[[Path, DataSettings, Allocate], Raw]
FORMATS: dict[str, tuple[Files, Read]] = {
    "npy": (arrays.npy_files, arrays.read_npy),
    "npz": (lambda path, settings: [path], arrays.read_npz),
    "table": (tables.files, tables.read),
    "idx": (idx.files, idx.read),
    "images": (images.files, images.read),
}
SUFFIXES = {".npy": "npy", ".npz": "npz", ".csv": "table", ".tsv": "table"}
ROWS = 10_000  # read together


@dataclass(frozen=True)
class OwnData:
    """Checked data: examples [N, …] and labels [N] of the file, and of its test split if it has one."""

    settings: DataSettings
    format: str
    hash: str
    arrays: dict[str, Array]  # examples, labels, test, test_labels: those that there are
    shape: tuple[int, ...]  # of one example
    kind: Kind
    range: tuple[float, float]  # what is mapped to 0 and 1; of points, the smallest and largest value
    classes: tuple[str, ...]
    skipped: tuple[str, ...]  # files that cannot be read, with the reason
    notes: tuple[str, ...]

    def rows(self) -> tuple[str, Array, Array]:
        """Return which array holds the test split, and the rows of training and test examples."""
        settings = self.settings
        count = len(self.arrays["examples"])
        if "test" in self.arrays:
            test = "test"
            train_rows = self._mixed(np.arange(count), "labels", "train")
            test_rows = self._mixed(np.arange(len(self.arrays["test"])), "test_labels", "test")
        else:
            test, order = "examples", drawn(settings, "split").permutation(count)
            held = min(count - 1, max(1, round(settings.test_share * count)))
            train_rows, test_rows = np.sort(order[held:]), order[:held]
            train_rows = self._mixed(train_rows, "labels", "train")
        return test, _some(train_rows, settings, "train"), _some(test_rows, settings, "test")

    def _mixed(self, rows: Array, labels: str, split: str) -> Array:
        """Return rows in random order if they come class after class: the first must not be of one class."""
        y = self.arrays[labels][rows] if labels in self.arrays else np.zeros(1)
        if y[0] != y[-1] and (np.diff(y) >= 0).all():
            return drawn(self.settings, f"mixed/{split}").permutation(rows)
        return rows


def drawn(settings: DataSettings, purpose: str) -> np.random.RandomState:
    """Return the random numbers of one purpose; this generator's stream is the same in every numpy."""
    digest = hashlib.sha256(f"{settings.seed}/own/{purpose}".encode()).digest()
    return np.random.RandomState(np.frombuffer(digest[:16], "<u4"))


def open_data(settings: DataSettings) -> OwnData:
    """Return the data of `settings.path`, read and checked now or, if its content is the same, before.

    Raises:
        WorkbenchError: for data that cannot be used, with file and place, or that have not the hash of the
            settings (exit code DATA).
    """
    path = Path(settings.path).expanduser()
    format = format_of(path)
    files, read = FORMATS[format]
    try:
        content = content_hash(path, files(path, settings))
        if settings.hash not in ("", content):
            raise WorkbenchError(
                f"{path} has changed: its hash is {content}, and the run's is {settings.hash}.",
                "Restore the files, or start a new run with --set data.hash= (empty).",
                DATA,
            )
        report, found = _read_or_make(settings, path, format, content)
    except OSError as problem:
        raise refused(problem.filename or path, problem.strerror or str(problem)) from None
    values = Values(**report["values"])
    shape = _shaped(path, tuple(report["shape"]), settings)
    kind, bounds = kind_and_range(values, report["top"], settings, shape, report["byte"])
    if kind != "points" and (values.low < bounds[0] or values.high > bounds[1]):
        raw = read(path, settings, memory)
        for array, place in ((raw.examples, raw.place), (raw.test, raw.test_place)):
            if array is not None and (where := outside(array, place, *bounds)):
                raise refused(path, f"{where}, outside data.range = [{bounds[0]:g}, {bounds[1]:g}]")
    return OwnData(
        settings,
        format,
        content,
        found,
        shape,
        kind,
        bounds,
        tuple(report["classes"]),
        tuple(report["skipped"]),
        tuple(report["notes"]),
    )


def format_of(path: Path) -> str:
    """Return the format of a file by its name, of a folder by what it holds.

    Raises:
        WorkbenchError: if there is nothing, or nothing that can be read.
    """
    if path.is_dir():
        return "idx" if any(idx.is_idx(entry.name) for entry in path.iterdir()) else "images"
    if not path.exists():
        raise refused(path, f"there is no such file or folder on {socket.gethostname()}")
    if path.suffix.lower() not in SUFFIXES:
        hint = "Write the data as .npz, .npy, .csv, .tsv, or as a folder of images or IDX files."
        raise refused(path, "its format is not known", hint)
    return SUFFIXES[path.suffix.lower()]


def content_hash(path: Path, files: Sequence[Path]) -> str:
    """Return 16 hex digits of the bytes of all files, and of their names below a folder.

    A process reads files of the same size and time of change once.
    """
    folder = path.is_dir()
    found = tuple((str(file), file.relative_to(path).as_posix() if folder else "") for file in files)
    states = (file.stat() for file in files)
    return _hash_of(found, tuple((state.st_ino, state.st_size, state.st_mtime_ns) for state in states))


@lru_cache(16)
def _hash_of(files: tuple[tuple[str, str], ...], states: tuple[tuple[int, ...], ...]) -> str:
    whole = hashlib.sha256()
    for file, name in files:
        with open(file, "rb") as opened:  # noqa: PTH123 - a Path for each of many files takes longer
            part = hashlib.file_digest(opened, "sha256").digest()
        whole.update(name.encode(errors="surrogateescape") + b"\0" + part)
    return whole.hexdigest()[:16]


def check(settings: DataSettings, folder: Path) -> DataSettings:
    """Check own data before a run is queued; return the settings with the hash of the content.

    Raises:
        WorkbenchError: as `open_data`, and for files of other content under the name of a known data set.
    """
    must_be(settings.name, Path(settings.path).expanduser())
    own = open_data(settings)
    own.rows()
    return settings.model_copy(update={"hash": own.hash})


def load(settings: DataSettings, *_: Any) -> Arrays:
    """Return own data as views of what may be memory maps; the engine decides what becomes resident.

    Raises:
        WorkbenchError: as `open_data`.
    """
    own = open_data(settings)
    test, train_rows, test_rows = own.rows()
    flat = {name: own.arrays[name].reshape(len(own.arrays[name]), -1) for name in {"examples", test}}
    train = View(flat["examples"], train_rows)
    shift: Any = None
    levels: Any = 1
    if own.kind != "points":
        low, high = own.range
        shift, levels = low or None, high - low
    elif settings.standardise:
        shift, levels = _mean_and_deviation(train)
    labels = own.arrays.get("labels", np.zeros(len(flat["examples"]), np.int64))
    test_labels = (
        own.arrays.get("test_labels", np.zeros(len(flat[test]), np.int64)) if test == "test" else labels
    )
    return Arrays(
        train,
        labels[train_rows],
        View(flat[test], test_rows),
        test_labels[test_rows],
        own.shape,
        own.kind,
        len(own.classes),
        levels=levels,
        shift=shift,
        test_rows=test_rows,
        skipped=own.skipped,
    )


def _read_or_make(
    settings: DataSettings, path: Path, format: str, content: str
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the report about the files and their arrays; read and check them if that was never done."""
    files, read = FORMATS[format]
    entry = entry_path(settings, format, content)
    known = read_entry(entry)
    if known is None:
        draft = Draft(entry)
        try:
            raw = read(path, settings, draft.allocate)
            values, classes = checked(path, raw)
            found = stored(raw, values, classes, draft)
            if content_hash(path, files(path, settings)) != content:
                raise refused(path, "it was changed while it was read")
            report: dict[str, Any] = {
                "values": vars(values),
                "shape": picture_shape(raw.examples.shape[1:]),
                "top": raw.top,
                "byte": raw.examples.dtype == np.uint8,
                "classes": classes,
                "skipped": raw.skipped,
                "notes": raw.notes,
                "rows": {name: len(array) for name, array in found.items()},
            }
        except BaseException:
            draft.discard()
            raise
        known = draft.commit(report) or (report, found)
    report, found = known
    in_place = report["rows"].keys() - found.keys()
    if in_place:
        raw = read(path, settings, memory)
        found |= {name: colour_last(getattr(raw, name)) for name in in_place}
    return report, found


def _mean_and_deviation(x: View) -> tuple[Array, Array]:
    """Return mean and standard deviation [D] of all rows, in float64; 1 where a column is constant."""
    total = np.zeros(x.base.shape[1])
    square = np.zeros_like(total)
    for start in range(0, len(x), ROWS):
        total += x.take(np.arange(start, min(start + ROWS, len(x)))).sum(0, np.float64)
    mean = total / len(x)
    for start in range(0, len(x), ROWS):
        block = x.take(np.arange(start, min(start + ROWS, len(x))))
        square += ((block - mean) ** 2).sum(0)
    deviation = np.sqrt(square / max(1, len(x) - 1))
    return mean, np.where(deviation > 0, deviation, 1.0)


def _some(rows: Array, settings: DataSettings, split: str) -> Array:
    """Return as many rows as `train_size` or `test_size` asks for, drawn by data.seed; 0 keeps all."""
    size = getattr(settings, f"{split}_size")
    if size > len(rows):
        raise WorkbenchError(
            f"{settings.name} has {len(rows)} {split} examples, and data.{split}_size asks for {size}.",
            f"Set data.{split}_size to {len(rows)} or less, or to 0 for all.",
            DATA,
        )
    return rows if size in (0, len(rows)) else drawn(settings, split).permutation(rows)[:size]


def _shaped(path: Path, shape: tuple[int, ...], settings: DataSettings) -> tuple[int, ...]:
    """Return the shape of an example; rows of an array or table become square images of `image_size`."""
    side = settings.image_size
    if side == 0 or shape[:2] == (side, side):
        return shape
    if shape == (side * side,):
        return (side, side)
    if shape == (3 * side * side,):
        return (side, side, 3)
    raise refused(path, f"an example has the shape {shape}, which makes no image of data.image_size = {side}")


def describe(settings: DataSettings) -> tuple[DataReport, dict[str, Any]]:
    """Return the facts about own data and a preview, as `report_of`.

    Raises:
        WorkbenchError: as `open_data`.
    """
    own = open_data(settings)
    held_out = f"{settings.test_share:.0%} held out" if "test" not in own.arrays else "its own"
    return report_of(
        settings, load(settings), hash=own.hash, test_split=held_out, classes=own.classes, notes=own.notes
    )
