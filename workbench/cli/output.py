"""What verbs print, made safe for a terminal: data on stdout (tables, JSON), messages on stderr."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

from workbench import api
from workbench.text import safe_text


def out(text: str = "", *, one_line: bool = False) -> None:
    """Print data on stdout, with control characters made visible; as one line where it must be one."""
    typer.echo(safe_text(text.expandtabs(4), 500 if one_line else None, one_line=one_line))


def talk(text: str) -> None:
    """Print a message on stderr, in one line."""
    typer.echo(safe_text(text, 2000, one_line=True), err=True)


def out_json(value: Any) -> None:
    """Print JSON on stdout: ASCII only, dataclasses as objects, non-finite numbers as null."""
    typer.echo(json.dumps(plain(value), indent=2, allow_nan=False))


def out_json_list(values: Iterable[Any]) -> None:
    """Print a JSON list on stdout, an element a line and as they come; named tuples must be plain."""
    write, between = sys.stdout.write, "[\n"
    for value in values:
        try:
            line = _ONE_LINE.encode(value)
        except ValueError:  # a number that is not finite
            line = _ONE_LINE.encode(plain(value))
        write(f"{between}{line}")
        between = ",\n"
    write("[]\n" if between == "[\n" else "\n]\n")


def run_json(row: api.runs.RunRow) -> dict[str, Any]:
    """Return a run as every verb prints it: its row and its ETA."""
    return {**vars(row), "eta": row.eta, "health": plain(row.health)}


def out_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns; a column of numbers is aligned to the right."""
    from rich.cells import cell_len  # 0.03 s that `workbench --help` does not need

    cells = [[safe_text(cell, 200, one_line=True) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headings, *cells, strict=True)]
    right = [bool(cells) and all(_numeric(row[k]) for row in cells) for k in range(len(headings))]
    for line in (headings, *cells):
        gaps = [" " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)]
        parts = [g + c if to_right else c + g for c, g, to_right in zip(line, gaps, right, strict=True)]
        typer.echo("  ".join(parts).rstrip())


def plain(value: Any) -> Any:
    """Return `value` in JSON's own types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if hasattr(value, "_asdict"):  # a named tuple is an object too
        value = value._asdict()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


_ONE_LINE = json.JSONEncoder(allow_nan=False, default=plain)


def _numeric(text: str) -> bool:
    return not text or text.rstrip("%").replace("−", "-").lstrip("+-").replace(".", "", 1).isdigit()
