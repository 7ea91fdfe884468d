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
from collections.abc import Callable, Iterable
from pathlib import Path
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
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run such a cell


def export(table: Table, form: str) -> str:
    """Return the table in "csv", "tsv", "md", "latex", "html" or "json", ending in a newline.

    Raises:
        WorkbenchError: for another format (exit code USAGE).
    """
    if form not in WRITERS:
        hint = did_you_mean(form, WRITERS) or f"Formats: {', '.join(WRITERS)}."
        raise WorkbenchError(f"There is no export format '{clean(form)[:40]}'.", hint, USAGE)
    return WRITERS[form](table)


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
    measured = [table.measured(place) for place in range(len(table.columns))]
    heading: list[str] = []
    for column, many in zip(table.columns, measured, strict=True):
        key = _csv_text(column.key)
        heading += [f"{key}_{part}" for part in ("mean", "std", "se", "n")] if many else [key]
    writer.writerow(heading)
    for row in table.rows:
        line: list[str] = []
        for cell, many in zip(row, measured, strict=True):
            if many:
                line += [_raw(cell.mean), _raw(cell.std), _raw(cell.se), str(cell.n)]
            elif cell.kind == "number":
                line.append(_raw(cell.mean))
            else:
                line.append("" if cell.text == NOTHING else _csv_text(cell.text))
        writer.writerow(line)
    return out.getvalue()


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


def _raw(number: float | None) -> str:
    return "" if number is None else repr(number)


def _csv_text(text: str) -> str:
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
