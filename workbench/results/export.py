"""Tables as text for other programs: CSV, TSV, Markdown, LaTeX, HTML and JSON, written by hand.

All agree on every cell. None of the libraries that were compared (docs/decisions.md) both escapes
everything and survives a newline in a cell.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from workbench.errors import USAGE, WorkbenchError, did_you_mean
from workbench.results.latex import to_latex
from workbench.results.statistics import confidence_interval
from workbench.results.table import NOTHING, Cell, Column, Table, clean

SCHEMA = 1
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".html": "html",
    ".htm": "html",
    ".md": "md",
    ".markdown": "md",
    ".tex": "latex",
    ".latex": "latex",
    ".json": "json",
    ".parquet": "parquet",
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run such a cell


def export(table: Table, form: str, *, siunitx: bool = False) -> str:
    """Return the table in "csv", "tsv", "md", "latex", "html" or "json", ending in a newline.

    With `siunitx`, the numbers of LaTeX are in its columns S.

    Raises:
        WorkbenchError: for another format (exit code USAGE).
    """
    if form not in WRITERS:
        hint = did_you_mean(form, WRITERS) or f"Formats: {', '.join(WRITERS)}."
        raise WorkbenchError(f"There is no export format '{clean(form)[:40]}'.", hint, USAGE)
    return to_latex(table, siunitx=siunitx) if form == "latex" else WRITERS[form](table)


def export_bytes(table: Table, form: str, *, siunitx: bool = False) -> bytes:
    """Return the table in a format of `export`, or in "parquet" with the columns of CSV.

    Raises:
        WorkbenchError: for another format, or without the library for it (exit code USAGE).
    """
    if form != "parquet":
        return export(table, form, siunitx=siunitx).encode()
    file = io.BytesIO()
    parquet_writer()(raw_columns(table), raw_rows(table), file)
    return file.getvalue()


def parquet_writer() -> Callable[..., None]:
    """Return `write_rows` of parquet.py, which is loaded only where Parquet is asked for.

    Raises:
        WorkbenchError: if pyarrow is not installed (exit code USAGE).
    """
    if find_spec("pyarrow") is None:
        raise WorkbenchError(
            "Cannot write Parquet: pyarrow is not installed.",
            "Install it with: pip install 'workbench[parquet]'.",
            USAGE,
        )
    found: Callable[..., None] = resolve_name("workbench.results.parquet:write_rows")
    return found


def format_of(path: Path) -> str | None:
    """Return the format that goes with a file's ending, or None."""
    return SUFFIXES.get(path.suffix.lower())


def to_csv(table: Table, delimiter: str = ",") -> str:
    """Return lines of comma-separated values, raw: an estimate takes the columns mean, std, se and n.

    Words that a spreadsheet would take for a formula get a leading apostrophe; what does not exist is an
    empty field. Title, notes and best marks are left out. Quoted as RFC 4180 says, with line feeds alone.
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(csv_text(name) for name, _ in raw_columns(table))
    for values in raw_rows(table):
        writer.writerow([csv_text(v) if isinstance(v, str) else raw_number(v) for v in values])
    return out.getvalue()


def raw_columns(table: Table) -> list[tuple[str, type]]:
    """Return name and type of the columns of the raw formats: an estimate takes mean, std, se and n.

    A column of settings is of numbers where every cell is one or absent.
    """
    found: list[tuple[str, type]] = []
    for place, column in enumerate(table.columns):
        if table.measured(place):
            parts = {"mean": float, "std": float, "se": float, "n": int}
            found += [(f"{column.key}_{part}", kind) for part, kind in parts.items()]
            continue
        cells = [row[place] for row in table.rows if row[place].text != NOTHING]
        kinds = {type(cell.mean) if cell.kind == "number" else str for cell in cells}
        numbers = {int: int, float: float} if len(kinds) == 1 else {}
        found.append((column.key, numbers.get(kinds.pop(), str) if numbers else str))
    return found


def raw_rows(table: Table) -> Iterator[list[str | float | None]]:
    """Yield the values of each row in the order of `raw_columns`; None is absent."""
    measured = [table.measured(place) for place in range(len(table.columns))]
    for row in table.rows:
        values: list[str | float | None] = []
        for cell, many in zip(row, measured, strict=True):
            if many:
                values += [cell.mean, cell.std, cell.se, cell.n]
            elif cell.kind == "number":
                values.append(cell.mean)
            else:
                values.append(None if cell.text == NOTHING else cell.text)
        yield values


def to_markdown(table: Table) -> str:
    """Return a GitHub table with padded columns, the best in bold, and the notes as a list."""
    heads = [_md(column.heading) for column in table.columns]
    body = [[_md(c.text, bold=c.best) for c in row] for row in table.rows]
    right = [table.measured(place) for place in range(len(heads))]
    widths = [max(3, *(_width(line[k]) for line in [heads, *body])) for k in range(len(heads))]
    rule = ["-" * (w - 1) + ":" if r else "-" * w for w, r in zip(widths, right, strict=True)]

    def line(cells: list[str]) -> str:
        padded = (
            " " * (w - _width(c)) + c if r else c + " " * (w - _width(c))
            for c, w, r in zip(cells, widths, right, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    lines = [f"**{_md(table.title)}**", "", line(heads), line(rule), *map(line, body)]
    if table.notes:
        lines += ["", *(f"- {_md(note)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def to_html(table: Table) -> str:
    """Return an HTML table with its caption, the best in bold, and the notes as a list below it."""

    def line(tag: str, cells: Iterable[str]) -> str:
        forms = [' style="text-align: right"' if r else "" for r in right]
        parts = (f"<{tag}{form}>{cell}</{tag}>" for form, cell in zip(forms, cells, strict=True))
        return f"<tr>{''.join(parts)}</tr>"

    right = [table.measured(place) for place in range(len(table.columns))]
    heads = [
        _html(c.label) + (f"<br><small>{_html(c.unit)}</small>" if c.unit else "") for c in table.columns
    ]
    rows = [[f"<b>{_html(c.text)}</b>" if c.best else _html(c.text) for c in row] for row in table.rows]
    lines = [
        f"<table>\n<caption>{_html(table.title)}</caption>",
        f"<thead>\n{line('th', heads)}\n</thead>",
        "<tbody>",
        *(line("td", row) for row in rows),
        "</tbody>\n</table>",
    ]
    if table.notes:
        lines += ["<ul>", *(f"<li>{_html(note)}</li>" for note in table.notes), "</ul>"]
    return "\n".join(lines) + "\n"


def to_json(table: Table) -> str:
    """Return JSON with the keys of docs/tables.md; an absent number is null."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "title": clean(table.title),
        "columns": [
            {"key": clean(c.key), "label": clean(c.label), "unit": clean(c.unit), "better": c.better or None}
            for c in table.columns
        ],
        "rows": [
            {clean(c.key): _json_cell(c, cell) for c, cell in zip(table.columns, row, strict=True)}
            for row in table.rows
        ],
        "sources": [list(source) for source in table.sources],
        "notes": [clean(note) for note in table.notes],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


WRITERS: dict[str, Callable[[Table], str]] = {
    "csv": to_csv,
    "tsv": lambda table: to_csv(table, "\t"),
    "md": to_markdown,
    "latex": to_latex,
    "html": to_html,
    "json": to_json,
}


def raw_number(number: Any) -> str:
    """Return a number in full, "" for None."""
    return "" if number is None else repr(number)


@lru_cache(10_000)  # most words repeat
def csv_text(text: str) -> str:
    """Return one line of text that no spreadsheet executes."""
    cleaned = clean(text)
    shown = unicodedata.normalize("NFKC", cleaned).lstrip()  # a spreadsheet takes ＝ for =
    risky = text.startswith(FORMULA) or shown.startswith(FORMULA)
    return f"'{cleaned}" if risky else cleaned


def _html(text: str) -> str:
    return html.escape(clean(text))


def _md(text: str, *, bold: bool = False) -> str:
    """Escape what Markdown or the HTML inside it would act on."""
    text = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"[\\`*|\[\]~]|(?<!\w)_|_(?!\w)", lambda found: "\\" + found.group(), text)
    return f"**{text}**" if bold else text


def _json_cell(column: Column, cell: Cell) -> dict[str, Any]:
    if cell.kind == "text":
        return {"text": clean(cell.text)}
    if column.exact:
        return {"text": clean(cell.text), "value": cell.mean}
    interval = confidence_interval(cell.values)
    return {
        "text": clean(cell.text),
        "mean": cell.mean,
        "std": cell.std,
        "se": cell.se,
        "n": cell.n,
        "missing": cell.missing,
        "best": cell.best,
        "p": cell.p,
        "ci95": list(interval) if interval else None,
        "values": list(cell.values),
        **({"health": cell.health} if cell.health else {}),
    }


def _width(text: str) -> int:
    """Columns of a terminal that the text takes: wide characters two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
