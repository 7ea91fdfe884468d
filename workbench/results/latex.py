r"""Tables as LaTeX that fits a plain article, compiled by pdflatex with the package booktabs.

Heads are short lines with their units below. Columns that do not fit beside each other go to further
tabulars below, each with the words in front of its rows; long words wrap. Latin and Greek letters are set as
themselves, other characters as [U+4E2D]: a font without them would stop the run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from textwrap import wrap

from workbench.results.table import Cell, Table, clean

TEXT_WIDTH = 345.0  # pt, of \documentclass{article}
GAP, NARROW = 12.0, 8.0  # pt between two columns (2 \tabcolsep), usually and where they do not fit
FRONT, LONG = 120.0, 60.0  # pt that the words in front of a row take, and below which a column does not wrap
SMALL = 0.7  # \scriptsize against the normal size
SAFE = 0.8  # share of the width after which a word is broken
UNKNOWN = 50.0  # pt of a character that is replaced
SHRUNK = 0.85  # \footnotesize, where they do not fit
WORDS = 16  # characters of a line in a head
BOLD = 1.15  # bold against the normal width
WIDTHS = dict.fromkeys(" .,:;|ijl'", 3.4) | dict.fromkeys("±×≈→", 12.5) | dict.fromkeys("mwMW%−", 9.5)  # pt

NUMBER = re.compile(  # "0.0270 ± 0.0004 (n=2)"; powers of ten are set as text
    r"(?P<sign>[-−])?(?P<whole>\d+)(?:\.(?P<places>\d+))?(?: ± (?P<error>\d+(?:\.\d+)?))?(?P<after>(?: .*)?)"
)
SISETUP = (
    "separate-uncertainty,retain-zero-uncertainty,group-digits=none,table-align-uncertainty=false,"
    "table-align-text-after=false,reset-text-series=false,text-series-to-math"
)

SPECIAL = {
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
    "—": "---",
    "…": r"\ldots{}",
    "²": r"$^2$",
    "³": r"$^3$",
    "−": "$-$",
    "→": r"$\to$",
    "∞": r"$\infty$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "≠": r"$\ne$",
    "∇": r"$\nabla$",
    "√": r"$\surd$",
    "°": r"$^\circ$",
    "µ": r"$\mu$",
    "ε": r"$\varepsilon$",
    "Δ": r"$\Delta$",
    "∆": r"$\Delta$",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
}
MARKS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328"
ACCENTS = dict(zip(MARKS, "`'^~=u.\"rHvck", strict=True))
SAME_AS_LATIN = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧο", "ABEZHIKMNOPTXo", strict=True))  # have no command of their own


def to_latex(table: Table, *, siunitx: bool = False) -> str:
    r"""Return a table environment with caption, notes, the best in bold, and the label if there is one.

    With `siunitx`, numbers are in its columns S, aligned at the decimal point (version 3 of the package).
    """
    columns = [_Column(table, place, siunitx) for place in range(len(table.columns))]
    front = next((k for k in range(len(columns)) if table.measured(k)), 1)
    wide = [column for column in columns[:front] if column.width > LONG]
    total = sum(column.width for column in wide)
    room = FRONT - sum(column.width for column in columns[:front]) + total
    for column in wide if total > room else ():
        column.wrapped = True
        column.width = max(LONG, room * column.width / total)
    for column in columns[front:]:
        if not column.right and column.width > FRONT:
            column.wrapped, column.width = True, FRONT
    parts = _parts(columns, front, GAP)
    if shrunk := len(parts) > 1:
        for column in columns:
            column.width *= SHRUNK
        parts = _parts(columns, front, NARROW)
    lines = [
        r"% \usepackage{booktabs}",
        *([r"% \usepackage{siunitx}  % version 3"] if siunitx else []),
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{tex(table.title)}}}",
        *([rf"  \sisetup{{{SISETUP}}}"] if siunitx else []),
        *([rf"  \footnotesize\setlength{{\tabcolsep}}{{{NARROW / 2:g}pt}}"] if shrunk else []),
        *([rf"  \label{{{re.sub(r'[^A-Za-z0-9:._-]', '-', table.label)}}}"] if table.label else []),
    ]
    for number, part in enumerate(parts):
        lines += [r"  \par\medskip"] if number else []
        lines += _tabular(part, len(table.rows))
    if table.notes:
        lines += [r"  \par\smallskip", r"  \begin{minipage}{\linewidth}\footnotesize\raggedright"]
        lines += [f"    {tex(note)}" + r"\par" for note in table.notes]
        lines += [r"  \end{minipage}"]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


class _Column:
    """A column ready to be set: lines of its head, cells, and the width that it takes, in pt."""

    def __init__(self, table: Table, place: int, siunitx: bool = False) -> None:
        column = table.columns[place]
        cells = [row[place] for row in table.rows]
        self.right, self.wrapped = table.measured(place), False
        self.texts = [clean(column.label), *(clean(cell.text) for cell in cells)]
        self.label = wrap(clean(column.label), WORDS) or [""]
        self.unit = wrap(clean(column.unit), round(WORDS / SMALL))
        self.cells = [_cell(cell) for cell in cells]
        widths = [*map(_extent, self.label), *(SMALL * _extent(line) for line in self.unit)]
        self.width = max([*widths, *(_extent(cell.text) * (BOLD if cell.best else 1) for cell in cells)])
        self.aligned = ""  # the options of a column S
        if siunitx and self.right:
            self._align(cells)

    def _align(self, cells: Sequence[Cell]) -> None:
        """Make it a column S of numbers with their ± and what follows; other cells are braced."""
        found = [NUMBER.fullmatch(clean(cell.text)) if cell.kind == "number" else None for cell in cells]
        numbers = [match for match in found if match]
        whole = max((len(match["whole"]) for match in numbers), default=1)
        places = max((len(match["places"] or "") for match in numbers), default=0)
        errors = [(match["error"] or "").replace(".", "").lstrip("0") for match in numbers]
        after = max((match["after"] for match in numbers), key=_extent, default="")
        sign = "-" if any(match["sign"] for match in numbers) else ""
        digits = f"({max(map(len, errors))})" if any(match["error"] for match in numbers) else ""
        post = f",table-space-text-post={{{tex(after)}}}" if after else ""
        self.aligned = f"table-format={sign}{whole}.{places}{digits}{post}"
        self.cells = [_aligned(cell, match) for cell, match in zip(cells, found, strict=True)]
        ends = [_extent(match[0].removesuffix(match["after"])) * BOLD for match in numbers]
        self.width = max(self.width, max(ends, default=0.0) + _extent(after))

    def cell(self, row: int) -> str:
        """Return a cell; in a wrapped one a word may break where it is too long."""
        return self._wrapped(self.texts[row + 1]) if self.wrapped else self.cells[row]

    def _wrapped(self, text: str) -> str:
        """Return text that is not stretched to the width, with places to break in words that are too long."""
        words = []
        for word in text.split(" "):
            pieces, used = [""], 0.0
            for sign in word:
                if pieces[-1] and used + _extent(sign) > SAFE * self.width:
                    pieces, used = [*pieces, ""], 0.0
                pieces[-1], used = pieces[-1] + tex(sign), used + _extent(sign)
            words.append(r"\allowbreak{}".join(pieces))
        # in a group, for \raggedright has a \\ of its own, which must not end the row
        return rf"{{\raggedright {' '.join(words)}\par}}"

    @property
    def form(self) -> str:
        """Its letter in the preamble of a tabular."""
        if self.wrapped:
            return rf"p{{{self.width:.0f}pt}}"
        if self.aligned:
            return f"S[{self.aligned}]"
        return "r" if self.right else "l"

    @property
    def head(self) -> str:
        """The label, and the unit below it."""
        if self.wrapped:
            return self._wrapped(self.texts[0])
        return f"{{{self._head}}}" if self.aligned else self._head

    @property
    def _head(self) -> str:
        lines = [*map(tex, self.label), *(rf"\scriptsize {tex(line)}" for line in self.unit)]
        if len(lines) == 1:
            return lines[0]
        form, body = "r" if self.right else "l", r" \\ ".join(lines)
        return rf"\begin{{tabular}}[b]{{@{{}}{form}@{{}}}}{body}\end{{tabular}}"


def _parts(columns: Sequence[_Column], front: int, gap: float) -> list[list[_Column]]:
    """Return the columns of each tabular: as many as fit beside those in front."""
    room = whole = TEXT_WIDTH - sum(column.width + gap for column in columns[:front])
    parts: list[list[_Column]] = [[]]
    for column in columns[front:]:
        if parts[-1] and column.width + gap > room:
            parts.append([])
            room = whole
        parts[-1].append(column)
        room -= column.width + gap
    return [[*columns[:front], *part] for part in parts]


def _tabular(columns: Sequence[_Column], rows: int) -> list[str]:
    return [
        rf"  \begin{{tabular}}{{{''.join(column.form for column in columns)}}}",
        r"    \toprule",
        "    " + " & ".join(column.head for column in columns) + r" \\",
        r"    \midrule",
        *("    " + " & ".join(column.cell(k) for column in columns) + r" \\" for k in range(rows)),
        r"    \bottomrule",
        r"  \end{tabular}",
    ]


def _aligned(cell: Cell, match: re.Match[str] | None) -> str:
    """Return a cell of a column S."""
    if match is None:
        return f"{{{_cell(cell)}}}"
    number = (
        f"{'-' * bool(match['sign'])}{match['whole']}{'.' * bool(match['places'])}{match['places'] or ''}"
    )
    error = f" +- {match['error']}" if match["error"] else ""
    after = f"{{{tex(match['after'])}}}" if match["after"] else ""
    weight = r"\bfseries " if cell.best else ""
    return f"{weight}{number}{error}{after}"


def _cell(cell: Cell) -> str:
    text = tex(cell.text, cell.kind)
    return rf"\textbf{{{text}}}" if cell.best else text


def _extent(text: str) -> float:
    """Return about how wide a text is in Computer Modern at 10 pt, rather too wide than too narrow."""
    usual = (UNKNOWN if _unknown(sign) else 7.6 if sign.isupper() else 5.2 for sign in clean(text))
    return sum(WIDTHS.get(sign, width) for sign, width in zip(clean(text), usual, strict=True))


def _unknown(sign: str) -> bool:
    return ord(sign) > 0x17F and _letter(sign).startswith("{[}U+")


def tex(text: str, kind: str = "text") -> str:
    """Escape every special of LaTeX; in numbers a minus is a minus and a power of ten is written out."""
    text = clean(text)
    if kind != "number":
        return "".join(map(_letter, text))
    parts = re.split(r"e(−|\+)0*(\d+)", text.replace("-", "−"))
    escaped = "".join(map(_letter, parts[0]))
    for sign, digits, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        escaped += rf"$\times 10^{{{'-' if sign == '−' else ''}{digits}}}$" + "".join(map(_letter, rest))
    return escaped


def _letter(sign: str) -> str:
    """Return one character as LaTeX that every installation can set."""
    if sign in SPECIAL:
        return SPECIAL[sign]
    if sign.isascii():
        return sign
    if sign in SAME_AS_LATIN:
        return SAME_AS_LATIN[sign]
    name = unicodedata.name(sign, "")
    if found := re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (FINAL SIGMA|[A-Z]+)", name):
        word = {"FINAL SIGMA": "varsigma", "LAMDA": "lambda"}.get(found[2], found[2].lower())
        return rf"$\{word if found[1] == 'SMALL' else word.capitalize()}$"
    base, marks = unicodedata.normalize("NFD", sign)[:1], unicodedata.normalize("NFD", sign)[1:]
    if base.isascii() and base.isalpha() and marks in ACCENTS:
        return rf"\{ACCENTS[marks]}{{{base}}}"
    return rf"{{[}}U+{ord(sign):04X}{{]}}"
