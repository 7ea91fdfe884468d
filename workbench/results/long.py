"""The long format: one line per run, seed and metric, or per point of a curve; written while it is read.

CSV, TSV and JSON are written here, Parquet in parquet.py. A number that does not exist is an empty field in
CSV, null in JSON and Parquet.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from workbench.errors import USAGE, WorkbenchError, did_you_mean
from workbench.results.export import SCHEMA, csv_text, parquet_writer, raw_number
from workbench.results.groups import family_title
from workbench.results.run_result import read_outcome
from workbench.results.table import clean
from workbench.store.json_fields import number
from workbench.store.metrics import MetricsTail
from workbench.store.paths import StorePaths
from workbench.store.run_row import RunRow

Value = str | int | float | None
RESULTS: dict[str, type] = {
    **dict.fromkeys(("run", "name", "model", "data"), str),
    "seed": int,
    "metric": str,
    **dict.fromkeys(("value", "se"), float),
    "n": int,
    "health": str,
}
CURVES: dict[str, type] = {
    "run": str,
    "seed": int,
    **dict.fromkeys(("metric", "split"), str),
    "step": int,
    **dict.fromkeys(("epoch", "seconds", "value"), float),
}


@dataclass(frozen=True)
class Long:
    """Columns by name with their type, and rows that are made while they are read, once."""

    columns: dict[str, type]
    rows: Iterator[tuple[Value, ...]]


def long_results(store: StorePaths, rows: Iterable[RunRow], metrics: Collection[str] = ()) -> Long:
    """Return the final metrics and estimates of each run and seed: those named, or all.

    A seed that diverged has no values. Every run has its own lines, also where a seed was trained twice.
    """

    def lines() -> Iterator[tuple[Value, ...]]:
        for row in rows:
            outcome = read_outcome(store.run(row.id))
            if outcome is None:
                continue
            front = (row.id, row.name, family_title(row.kind), row.data)
            for name, found in outcome.metrics.items():
                if metrics and name not in metrics:
                    continue
                for seed, value in found.values.items():
                    health = outcome.health.get(seed)
                    verdict = "diverged" if seed in outcome.diverged else health.verdict if health else ""
                    yield *front, seed, name, value, found.errors.get(seed), found.n, verdict

    return Long(RESULTS, lines())


def long_curves(store: StorePaths, rows: Iterable[RunRow], metrics: Collection[str] = ()) -> Long:
    """Return every point of the curves of each run and seed, in the order of metrics.jsonl.

    Rows of another number of seeds than the run has are left out.
    """

    def lines() -> Iterator[tuple[Value, ...]]:
        for row in rows:
            for point in _points(MetricsTail(store.run(row.id).metrics)):
                split, where = str(point.get("split", "train")), round(point["step"])
                epoch, seconds = number(point.get("epoch")), number(point["seconds"])
                for name, values in point["values"].items():
                    values = values if isinstance(values, list) else [values]
                    if (metrics and name not in metrics) or len(values) != len(row.seeds):
                        continue
                    for seed, value in zip(row.seeds, values, strict=True):
                        yield row.id, seed, name, split, where, epoch, seconds, number(value)

    return Long(CURVES, lines())


def _points(tail: MetricsTail) -> Iterator[dict[str, Any]]:
    """Yield the rows of a metrics file, of which a part is in memory at a time."""
    while True:
        before = tail.offset
        _, rows = tail.read()
        yield from (row for row in rows if number(row["step"]) is not None)
        if tail.offset == before:
            return


def check_long(form: str) -> None:
    """Check that a long table can be written in a format, before a file is opened.

    Raises:
        WorkbenchError: for another format than csv, tsv, json and parquet, or without the library for it.
    """
    if form not in LONG_WRITERS:
        known = did_you_mean(form, LONG_WRITERS) or f"Long formats: {', '.join(LONG_WRITERS)}."
        raise WorkbenchError(f"There is no long format '{clean(form)[:40]}'.", known, USAGE)
    if form == "parquet":
        parquet_writer()


def write_long(long: Long, form: str, file: IO[bytes]) -> None:
    """Write a long table in a format that `check_long` accepts."""
    LONG_WRITERS[form](long, file)


def _to_csv(long: Long, file: IO[bytes], delimiter: str = ",") -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=False)
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(long.columns)
    words = [kind is str for kind in long.columns.values()]
    for row in long.rows:
        writer.writerow(
            [
                csv_text(str(value)) if word else raw_number(value)
                for word, value in zip(words, row, strict=True)
            ]
        )
    text.flush()
    text.detach()  # or the file would be closed


def _to_json(long: Long, file: IO[bytes]) -> None:
    head = json.dumps({"schema": SCHEMA, "columns": list(long.columns)})
    file.write(f'{head[:-1]}, "rows": ['.encode())
    between = "\n"
    for row in long.rows:
        cells = (clean(value) if isinstance(value, str) else value for value in row)
        entry = dict(zip(long.columns, cells, strict=True))
        file.write(f"{between}{json.dumps(entry, ensure_ascii=False, allow_nan=False)}".encode())
        between = ",\n"
    file.write(b"\n]}\n")


def _to_parquet(long: Long, file: IO[bytes]) -> None:
    parquet_writer()(long.columns.items(), long.rows, file)


LONG_WRITERS: dict[str, Callable[[Long, IO[bytes]], None]] = {
    "csv": _to_csv,
    "tsv": lambda long, file: _to_csv(long, file, "\t"),
    "json": _to_json,
    "parquet": _to_parquet,
}
