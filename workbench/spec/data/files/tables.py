"""Tables in .csv and .tsv files: one example a line, with or without a line of column names."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.errors import WorkbenchError, did_you_mean
from workbench.spec.data.files.raw import Allocate, Array, Place, Raw, refused
from workbench.spec.data.settings import DataSettings

LABELS = ("label", "labels", "class", "target")  # names of columns that are taken for labels
csv.field_size_limit(1 << 20)


@dataclass(frozen=True)
class Layout:
    """How a table is written: its delimiter, its column names, and whether they are its first line."""

    path: Path
    delimiter: str
    names: tuple[str, ...]
    headed: bool

    def place(self, columns: Sequence[int]) -> Place:
        """Return the place of a value: the line of the file, and the column's name or number from 1."""

        def place(row: int, position: Sequence[int]) -> str:
            lines = (number for number, _ in _lines(self))
            line = next(number for k, number in enumerate(lines) if k == row)
            return f"{self.path.name}, line {line}, column {self.title(columns[position[0]])}"

        return place

    def title(self, column: int) -> str:
        """Return the name of a column in quotes, or its number."""
        return f"'{self.names[column]}'" if self.headed else str(column + 1)


def files(path: Path, settings: DataSettings) -> list[Path]:
    """Return the files whose content counts."""
    if settings.test in ("", "none"):
        return [path]
    test = path.parent / settings.test
    if not test.is_file():
        raise refused(path, f"data.test must name a table beside it, and there is no file {test}")
    return [path, test]


def read(path: Path, settings: DataSettings, allocate: Allocate) -> Raw:
    """Read the columns of a table as numbers [N, columns] float64, or int64 if all are whole; and its labels.

    Raises:
        WorkbenchError: with file, line and column (exit code DATA).
    """
    if settings.test_labels:
        raise refused(path, "data.test_labels is not for tables: they have the same columns")
    layouts = [_layout(file, settings) for file in files(path, settings)]
    first = layouts[0]
    for other in layouts[1:]:
        if (len(other.names), other.headed and other.names) != (
            len(first.names),
            first.headed and first.names,
        ):
            raise refused(other.path, f"its columns are not those of {first.path.name}")
    label = _label(first, settings)
    columns = _columns(first, settings, label)
    found = [_numbers(layout, columns) for layout in layouts]
    labels = [_texts(layout, label) if label is not None else None for layout in layouts]
    if all(
        np.isfinite(x).all() and (x == np.round(x)).all() and abs(x).max() < 2**53 for x in found if x.size
    ):
        found = [x.astype(np.int64) for x in found]
    places = [layout.place(columns) for layout in layouts]
    test = found[1] if len(found) > 1 else None
    test_labels = labels[1] if len(labels) > 1 else None
    return Raw(found[0], labels[0], test, test_labels, places[0], places[-1])


def _layout(path: Path, settings: DataSettings) -> Layout:
    """Find the delimiter and the names of the columns from the first line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            line = file.readline(1 << 22)
    except OSError as problem:
        raise refused(path, problem.strerror or str(problem)) from None
    except UnicodeDecodeError:
        raise refused(path, "it is no UTF-8 text") from None
    if not line.strip():
        raise refused(path, "it is empty" if not line else "its first line is empty")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in line and "," not in line else ","
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    counted = len(cells) > 2 and cells == [str(k) for k in range(len(cells))]  # as pandas numbers its columns
    numbers = all(_number(cell) is not None for cell in cells)
    headed = settings.header == "yes" or (settings.header == "auto" and (counted or not numbers))
    if settings.header == "auto" and headed and not counted and _label_only_text(path, delimiter, cells):
        headed = False
    return Layout(path, delimiter, tuple(cells), headed)


def _label_only_text(path: Path, delimiter: str, cells: list[str]) -> bool:
    """Whether the first line is an example whose label is a word: text in the same columns as line two."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file, delimiter=delimiter)
        next(rows)
        second = next((row for row in rows if row), [])
    texts = [_number(cell) is None for cell in cells]
    return texts == [_number(cell.strip()) is None for cell in second] and not all(texts)


def _label(layout: Layout, settings: DataSettings) -> int | None:
    """Return the column of the labels."""
    if settings.labels == "none":
        return None
    if settings.labels:
        return _column(layout, settings.labels, "labels")
    usual = [k for k, name in enumerate(layout.names) if layout.headed and name.lower() in LABELS]
    return usual[0] if usual else None


def _columns(layout: Layout, settings: DataSettings, label: int | None) -> list[int]:
    """Return the columns of the examples: those named, or all but the labels."""
    if settings.examples:
        return [_column(layout, name.strip(), "examples") for name in settings.examples.split(",")]
    return [k for k in range(len(layout.names)) if k != label]


def _column(layout: Layout, name: str, setting: str) -> int:
    """Return the column of that name, or of that number, counted from 1; -1 is the last."""
    if layout.headed and name in layout.names:
        return layout.names.index(name)
    count = len(layout.names)
    number = int(name) if name.removeprefix("-").isdecimal() else 0
    if 1 <= number <= count:
        return number - 1
    if -count <= number <= -1:
        return count + number
    near = did_you_mean(name, layout.names) if layout.headed else f"Columns are numbered 1 to {count}."
    raise refused(layout.path, f"it has no column '{name}' (data.{setting})", near)


def _numbers(layout: Layout, columns: list[int]) -> Array:
    """Return the columns as float64 [N, columns]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a table without lines, which is refused later
        try:
            return np.loadtxt(
                layout.path,
                delimiter=layout.delimiter,
                skiprows=int(layout.headed),
                usecols=columns,
                ndmin=2,
                comments=None,
                quotechar='"',
                encoding="utf-8-sig",
                dtype=np.float64,
            )
        except (ValueError, IndexError) as problem:  # what exactly, a slower reading finds out
            raise _fault(layout, columns, str(problem)) from None


def _texts(layout: Layout, column: int) -> Array:
    """Return the labels of all lines: whole numbers, or text."""
    try:
        texts = [row[column].strip() for _, row in _lines(layout)]
    except IndexError:
        raise _fault(layout, [column], "a line is too short") from None
    for row, text in enumerate(texts):
        if not text:
            raise refused(layout.place([column])(row, (0,)), "the label is missing")
    numbers = [_number(text) for text in texts]
    if all(number is not None for number in numbers):
        return np.array(numbers, np.float64)
    return np.array(texts)


def _fault(layout: Layout, columns: list[int], reason: str) -> WorkbenchError:
    """Return the first fault of the table with its line and column."""
    width = len(layout.names)
    try:
        for line, row in _lines(layout):
            if len(row) != width:
                return refused(
                    f"{layout.path}, line {line}", f"it has {len(row)} columns, and the first has {width}"
                )
            for column in columns:
                if _number(row[column].strip()) is None:
                    place = f"{layout.path}, line {line}, column {layout.title(column)}"
                    text = row[column].strip()[:40]
                    what = f"'{text}' is not a number" if text else "the value is missing"
                    hint = "If it is a label, set data.labels; data.examples chooses columns."
                    return refused(place, what, hint if text else "")
    except (UnicodeDecodeError, csv.Error) as problem:
        reason = str(problem)
    return refused(layout.path, reason)


def _lines(layout: Layout):  # type: ignore[no-untyped-def]
    """Yield (line of the file, cells) of every example; empty lines are none."""
    with layout.path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file, delimiter=layout.delimiter)
        if layout.headed:
            next(rows)
        for row in rows:
            if row:
                yield rows.line_num, row


def _number(text: str) -> float | None:
    """Return the number that a cell holds, or None; numpy and Python agree but for underscores."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None
