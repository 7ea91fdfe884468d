"""What verbs print: data on stdout (tables, JSON), talk on stderr."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from workbench.text import safe_text

if TYPE_CHECKING:
    from workbench.api.runs import RunRow


def out(text: str = "") -> None:
    """Print data on stdout, with control characters made visible."""
    typer.echo(safe_text(text.expandtabs(4)))


def talk(text: str) -> None:
    """Print a remark on stderr, in one line."""
    typer.echo(safe_text(text, 2000, one_line=True), err=True)


def out_json(value: Any) -> None:
    """Print JSON on stdout: ASCII only, dataclasses as objects, non-finite numbers as null."""
    typer.echo(json.dumps(plain(value), indent=2, allow_nan=False))


def run_json(row: RunRow) -> dict[str, Any]:
    """Return a run as every verb prints it: its row, and the ETA worked out."""
    return {**vars(row), "eta": row.eta}


def out_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns; a column of numbers is aligned to the right."""
    from rich.cells import cell_len

    cells = [[safe_text(cell, 200, one_line=True) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headings, *cells, strict=True)]
    right = [bool(cells) and all(_numeric(row[k]) for row in cells) for k in range(len(headings))]
    for line in (headings, *cells):
        parts = []
        for cell, width, to_right in zip(line, widths, right, strict=True):
            gap = " " * (width - cell_len(cell))
            parts.append(gap + cell if to_right else cell + gap)
        typer.echo("  ".join(parts).rstrip())


def plain(value: Any) -> Any:
    """Return `value` in JSON's own types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def ago(moment: float | None) -> str:
    """Return how long ago a Unix time was, in the largest fitting unit."""
    if not moment:
        return ""
    return f"{span(max(0.0, time.time() - moment))} ago"


def span(seconds: float | None) -> str:
    """Return a time span such as 8s, 3m 20s, 2h 05m, 3d 4h; empty where unknown."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def _numeric(text: str) -> bool:
    return not text or text.rstrip("%").replace("−", "-").lstrip("+-").replace(".", "", 1).isdigit()
