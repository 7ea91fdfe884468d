"""Tables as text for other programs: CSV, Markdown, LaTeX (booktabs) and JSON, written by hand.

All four agree on every cell. None of the libraries that were compared (docs/decisions.md) both escapes
everything and survives a newline in a cell.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.errors import USAGE, WorkbenchError, did_you_mean
from workbench.results.statistics import confidence_interval
from workbench.results.table import NOTHING, Cell, Column, Table

SCHEMA = 1
SUFFIXES = {
    ".csv": "csv",
    ".md": "md",
    ".markdown": "md",
    ".tex": "latex",
    ".latex": "latex",
    ".json": "json",
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run such a cell
# Bidirectional overrides, zero-width marks, line separators, byte-order mark, lone surrogates.
INVISIBLE = re.compile("[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]")


def export(table: Table, form: str) -> str:
    """Return the table in "csv", "md", "latex" or "json", ending in a newline.

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


def clean(text: str) -> str:
    """Return one line of text without control characters; breaks and tabs become spaces."""
    text = INVISIBLE.sub("", re.sub(r"\r\n?|[\n\t\v\f\x85]", " ", text))
    return "".join(c for c in text if unicodedata.category(c) != "Cc")


def to_csv(table: Table) -> str:
    """Return comma-separated lines. Numbers are raw: an estimate takes the columns mean, std, se and n.

    Words that a spreadsheet would take for a formula get a leading apostrophe; what does not exist is an
    empty field. Title, notes and best marks are left out. Quoted as RFC 4180 says, with line feeds alone.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    measured = [_measured(table, place) for place in range(len(table.columns))]
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
    right = [_measured(table, place) for place in range(len(heads))]
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


def to_latex(table: Table) -> str:
    r"""Return a LaTeX table that needs the package booktabs only, the best in bold.

    Other alphabets than Latin pass through as they are and need XeLaTeX or LuaLaTeX.
    """
    form = "".join("r" if _measured(table, place) else "l" for place in range(len(table.columns)))
    heads = [_tex(column.heading) for column in table.columns]
    body = [
        [rf"\textbf{{{_tex(c.text, c.kind)}}}" if c.best else _tex(c.text, c.kind) for c in row]
        for row in table.rows
    ]
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_tex(table.title)}}}",
        *([rf"  \label{{{re.sub(r'[^A-Za-z0-9:._-]', '-', table.label)}}}"] if table.label else []),
        rf"  \begin{{tabular}}{{{form}}}",
        r"    \toprule",
        "    " + " & ".join(heads) + r" \\",
        r"    \midrule",
        *("    " + " & ".join(row) + r" \\" for row in body),
        r"    \bottomrule",
        r"  \end{tabular}",
    ]
    if table.notes:
        lines += [r"  \par\smallskip", r"  \begin{minipage}{\linewidth}\footnotesize"]
        lines += [f"    {_tex(note)}" + r"\par" for note in table.notes]
        lines += [r"  \end{minipage}"]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


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
    "md": to_markdown,
    "latex": to_latex,
    "json": to_json,
}


def _measured(table: Table, place: int) -> bool:
    """Whether a column holds estimates (with a spread and an n) rather than words or settings."""
    return not table.columns[place].exact and any(row[place].kind == "number" for row in table.rows)


def _raw(number: float | None) -> str:
    return "" if number is None else repr(number)


def _csv_text(text: str) -> str:
    cleaned = clean(text)
    risky = text.startswith(FORMULA) or cleaned.lstrip().startswith(FORMULA)
    return f"'{cleaned}" if risky else cleaned


def _md(text: str, *, bold: bool = False) -> str:
    """Escape what Markdown or the HTML inside it would act on."""
    text = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"[\\`*|\[\]~]|(?<!\w)_|_(?!\w)", lambda found: "\\" + found.group(), text)
    return f"**{text}**" if bold else text


TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\symbol{34}",  # itself a command under some languages
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after a line break, \\ would take it for its option
    "]": "{]}",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "‖": r"$\|$",
    "–": "--",
    "…": r"\ldots{}",
    "²": r"$^2$",
    "η": r"$\eta$",
    "σ": r"$\sigma$",
    "β": r"$\beta$",
    "ε": r"$\varepsilon$",
    "θ": r"$\theta$",
    "λ": r"$\lambda$",
    "−": "$-$",
}


def _tex(text: str, kind: str = "text") -> str:
    """Escape every special of LaTeX; in numbers a minus is a minus and a power of ten is written out."""
    text = clean(text)
    if kind == "number":
        text = text.replace("-", "−")
        parts = re.split(r"e(−|\+)0*(\d+)", text)
        escaped = "".join(TEX.get(c, c) for c in parts[0])
        for sign, digits, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            power = f"{'-' if sign == '−' else ''}{digits}"
            escaped += rf"$\times 10^{{{power}}}$" + "".join(TEX.get(c, c) for c in rest)
        return escaped
    return "".join(TEX.get(c, c) for c in text)


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
