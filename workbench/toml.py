"""TOML files written by hand: read with limits, and every fault reported with its file and line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import NOT_FOUND, USAGE, WorkbenchError

MAX_BYTES = 1 << 20  # a preset is a page long; more is a mistake or an attack
MAX_DEPTH = 8  # sections, lists of widths: nothing of ours nests deeper than 3

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEYS = rf"{_PART}(?:\s*\.\s*{_PART})*"
_LONG_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]{1,200}[ \t]*\.[ \t]*){64}""")
_HEADER = re.compile(rf"^\s*\[\[?\s*({_KEYS})\s*\]")
_ASSIGNMENT = re.compile(rf"^\s*({_KEYS})\s*=")


@dataclass(frozen=True)
class Document:
    """A parsed file: its table, the name shown in messages, and its text to find lines in."""

    label: str
    table: dict[str, Any]
    text: str = field(repr=False)

    def where(self, *keys: str) -> str:
        """Return `file:line` of the assignment of `keys`, or of the nearest section around it."""
        lines = key_lines(self.text)
        for length in range(len(keys), 0, -1):
            if keys[:length] in lines:
                return f"{self.label}:{lines[keys[:length]]}"
        return self.label


def read_toml(path: Path) -> Document:
    """Read a small UTF-8 TOML file.

    Raises:
        WorkbenchError: for anything else, with the name of the file.
    """
    label = show_path(path)
    try:
        if not path.is_file():
            raise WorkbenchError(f"{label}: no such file.", exit_code=NOT_FOUND)
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise WorkbenchError(f"{label}: cannot be read ({reason}).", exit_code=NOT_FOUND) from None
    if len(body) > MAX_BYTES:
        raise WorkbenchError(f"{label}: larger than 1 MiB.", "Presets and settings are small TOML files.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise WorkbenchError(f"{label}:{line}: not UTF-8 text.", "Save the file as UTF-8.") from None
    return parse_toml(text, label)


def parse_toml(text: str, label: str) -> Document:
    """Parse TOML text.

    Raises:
        WorkbenchError: for a syntax error, as `label:line: what is wrong`.
    """
    if _LONG_KEY.search(text):  # the parser takes time with the square of the parts
        raise WorkbenchError(f"{label}: nested too deeply.", exit_code=USAGE)
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise WorkbenchError(f"{label}: nested too deeply.", exit_code=USAGE) from None
    except ValueError as error:  # TOMLDecodeError, and Python's own limit on digits
        found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = found.group(1) if found else None
        what = str(error)[: found.start()] if found else str(error)
        place = f"{label}:{line or text.count(chr(10)) + 1}" if found else label
        raise WorkbenchError(f"{place}: not valid TOML: {what[:1].lower()}{what[1:]}.") from None
    if too_deep(table):
        raise WorkbenchError(f"{label}: nested too deeply.", exit_code=USAGE)
    return Document(label, table, text)


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of each section and assignment, by a light scan of valid TOML."""
    lines: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    quoted = ""  # the quotes of the multi-line string we are in
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > 2000:  # longer than any line written by hand; keeps the patterns cheap
            continue
        if not quoted and (found := _HEADER.match(line)):
            section = _split(found.group(1))
            lines.setdefault(section, number)
        elif not quoted and (found := _ASSIGNMENT.match(line)):
            keys = (*section, *_split(found.group(1)))
            for length in range(len(section) + 1, len(keys) + 1):
                lines.setdefault(keys[:length], number)
        for mark in ('"""', "'''"):
            if quoted in ("", mark) and line.count(mark) % 2:
                quoted = "" if quoted else mark
    return lines


def show_path(path: Path) -> str:
    """Return the path as a person would type it here: relative to the current folder if inside it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))


def too_deep(value: Any) -> bool:
    """Whether tables and lists nest deeper than anything of ours; walks level by level, no recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return False
    return True
