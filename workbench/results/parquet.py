"""Parquet by pyarrow: rows that come one by one, and tables with the columns that CSV has."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

import pyarrow
from pyarrow import parquet

from workbench.results.export import raw_number
from workbench.results.table import clean

GROUP = 50_000  # rows that are in memory at a time
TYPES = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}


def write_rows(columns: Iterable[tuple[str, type]], rows: Iterable[Sequence[Any]], file: IO[bytes]) -> None:
    """Write rows under names and types of columns; None is null.

    Text is one line without control characters; in a column of text numbers are written as in CSV.
    """
    columns = list(columns)
    words = [kind is str for _, kind in columns]
    schema = pyarrow.schema([(clean(name), TYPES[kind]) for name, kind in columns])
    target = file if file.seekable() else io.BytesIO()  # its writer asks where it is: a pipe cannot say
    with parquet.ParquetWriter(target, schema) as writer:
        for group in _groups(rows):
            parts = [
                pyarrow.array([_text(value) for value in values] if word else values, kind)
                for values, word, kind in zip(zip(*group, strict=True), words, schema.types, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(parts, schema=schema))
    if isinstance(target, io.BytesIO) and target is not file:
        file.write(target.getvalue())


def _text(value: Any) -> str | None:
    return clean(value) if isinstance(value, str) else None if value is None else raw_number(value)


def _groups(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    several = iter(rows)
    while group := list(islice(several, GROUP)):
        yield group
