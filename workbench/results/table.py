"""A table as plain data: what comparisons return, screens show and exports write."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from workbench.results.statistics import best_index, confidence_interval, finite, holm, summarise, welch
from workbench.spec.health import MARKS
from workbench.spec.layout import Spread
from workbench.text import cut

NOTHING = "–"  # shown where a number does not exist
CUT_SHORT = "†"  # shown after a number of runs of which a seed diverged or was stopped early
ALIKE = "≈"  # shown after a mean that does not differ significantly from the best
LEVEL = 0.05
WIDE = 1000  # characters of a label: never cut before what differs between rows
# Bidirectional overrides, zero-width marks, line separators, byte-order mark, lone surrogates.
INVISIBLE = re.compile("[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True)
class Column:
    """One column. `better` is "lower", "higher" or empty; `exact` numbers are settings, not estimates."""

    key: str
    label: str
    unit: str = ""
    better: str = ""
    exact: bool = False

    @property
    def heading(self) -> str:
        """The label with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True)
class Cell:
    """One entry. `text` is always what a reader sees; the other fields are the numbers behind it.

    `values` has one value per seed (None = not finite), `n` counts the finite ones, `missing` the rest.
    `std` is the sample standard deviation over seeds, None below two. `se` is the standard error over
    examples of the one value, given where n = 1. `p` is the corrected p-value against the best cell.
    """

    kind: Literal["text", "number"] = "text"
    text: str = ""
    mean: float | None = None
    std: float | None = None
    se: float | None = None
    n: int = 0
    missing: int = 0
    best: bool = False
    p: float | None = None
    values: tuple[float | None, ...] = ()
    health: str = ""  # the gravest verdict on the runs behind it

    @property
    def alike(self) -> bool:
        """Whether this is not the best, but does not differ significantly from it (5 % level)."""
        return not self.best and self.p is not None and self.p >= LEVEL


@dataclass(frozen=True)
class Table:
    """Columns, rows of as many cells, and what a reader must know to read them.

    `sources` names the runs behind each row, where rows are made from runs.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    sources: tuple[tuple[str, ...], ...] = ()
    label: str = ""  # by which LaTeX refers to it

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells, the table {len(self.columns)} columns")

    def measured(self, place: int) -> bool:
        """Whether a column holds estimates (with a spread and an n) rather than words or settings."""
        return not self.columns[place].exact and any(row[place].kind == "number" for row in self.rows)

    def column(self, key: str) -> tuple[Cell, ...]:
        """Return the cells of the column `key`.

        Raises:
            KeyError: if there is none.
        """
        places = {column.key: place for place, column in enumerate(self.columns)}
        return tuple(row[places[key]] for row in self.rows)


def clean(text: str) -> str:
    """Return one line of text without control characters; breaks and tabs become spaces."""
    if text.isascii() and text.isprintable():
        return text
    text = INVISIBLE.sub("", re.sub(r"\r\n?|[\n\t\v\f\x85]", " ", text))
    return "".join(c for c in text if unicodedata.category(c) != "Cc")


def text_cell(text: object, limit: int = 120) -> Cell:
    """Return a cell of words, at most `limit` characters; an empty one shows a dash."""
    return Cell(text=cut(str(text), limit) or NOTHING)


def exact_cell(value: float) -> Cell:
    """Return a cell holding a number that is known exactly, such as a setting."""
    if not math.isfinite(value):
        return text_cell(value)
    return Cell("number", repr(value), mean=value, n=1, values=(value,))


def printed_cell(text: str, number: float) -> Cell:
    """Return a cell with a published number, its text as printed."""
    return Cell("number", text, mean=number, n=1, values=(number,))


def number_cell(
    values: Iterable[float | None], *, usual_n: int | None = None, se: float | None = None
) -> Cell:
    """Return mean ± std of one value per seed.

    `usual_n` is the number of seeds that the row says already; another n is written into the text.
    `se` (standard error over examples) is kept only where a single value leaves no spread over seeds.
    """
    given = tuple(v if v is not None and math.isfinite(v) else None for v in values)
    found = summarise(given)
    error = se if found.n == 1 and se is not None and math.isfinite(se) else None
    cell = Cell(
        "number",
        mean=found.mean,
        std=found.std,
        se=error,
        n=found.n,
        missing=found.missing,
        values=given,
    )
    return replace(cell, text=number_text(cell, usual_n))


def spread_cell(mean: float, spread: float | None, n: int) -> Cell:
    """Return a cell whose spread was measured elsewhere, over `n` draws rather than over seeds."""
    cell = Cell("number", mean=mean, std=spread, n=n)
    return replace(cell, text=number_text(cell))


def number_text(cell: Cell, usual_n: int | None = None) -> str:
    """Write a number cell: "0.0270 ± 0.0004", "24.10 (SE 0.20)", "3.1 ± 0.2 (n=2)", "–"."""
    if cell.mean is None:
        return NOTHING
    spread = cell.std if cell.std is not None else cell.se
    mean, error, power = _digits(cell.mean, spread)
    asides = []
    if cell.std is not None:
        text = f"{mean} ± {error}" if not power else f"({mean} ± {error}){power}"
    else:
        text = mean + power
        if cell.se is not None:
            asides.append(f"SE {error}{power}")
    if usual_n is not None and cell.n != usual_n:
        asides.append(f"n={cell.n}")
    return text + (f" ({', '.join(asides)})" if asides else "")


def spread_as(cell: Cell, spread: Spread, digits: int | None) -> Cell:
    """Return a number cell with another spread in its text, and `digits` decimals if that is given."""
    known = finite(cell.values)
    if cell.kind != "number" or cell.mean is None or (spread == "std" and digits is None):
        return cell
    if spread == "std":
        number = replace(cell, mean=round(cell.mean, digits or 0))
        spreads = [f" ± {cell.std:.{digits}f}"] if cell.std is not None else []
        spreads += [f" (SE {cell.se:.{digits}f})"] if cell.se is not None else []
        return replace(cell, text=f"{number.mean:.{digits}f}{''.join(spreads)}")
    centre, ends = cell.mean, confidence_interval(known)
    if spread == "range":
        centre, ends = median(known or [cell.mean]), (min(known), max(known)) if len(known) > 1 else None
    width = (ends[1] - ends[0]) / 2 if ends else None
    places = digits if digits is not None else _places(centre, width)
    tail = f" [{ends[0]:.{places}f}, {ends[1]:.{places}f}]" if ends else ""
    return replace(cell, text=f"{centre:.{places}f}{tail}")


def _places(centre: float, width: float | None) -> int:
    """Return the decimals that show two digits of `width`, or four of `centre` without one."""
    size = width or abs(centre)
    return min(9, max(0, (1 if width else 3) - (math.floor(math.log10(size)) if size else 0)))


def mark_health(cell: Cell, verdict: str) -> Cell:
    """Return a number with the mark of the verdict on its runs: ! is unhealthy, ? is doubtful."""
    if cell.mean is None or not verdict:
        return cell
    return replace(cell, text=f"{cell.text} {MARKS[verdict]}".rstrip(), health=verdict)


def mark_best(cells: Sequence[Cell], better: str, classes: Sequence[Hashable]) -> list[Cell]:
    """Mark the best cell among those of equal class, and the others with Welch's p-value against it.

    Cells are compared only where their `classes` are equal; a class of None is never compared. The p-values
    of a class are corrected for their number (Holm).
    """
    marked = list(cells)
    for kind in dict.fromkeys(classes):
        places = [k for k, other in enumerate(classes) if other == kind]
        found = best_index([cells[k].mean for k in places], better)
        if kind is None or found is None:
            continue
        best = cells[places[found]]
        marked[places[found]] = replace(best, best=True)
        rivals = [k for k in places if k != places[found]]
        for k, p in zip(rivals, holm([welch(best.values, cells[k].values) for k in rivals]), strict=True):
            rival = replace(cells[k], p=p)
            marked[k] = replace(rival, text=f"{rival.text} {ALIKE}") if rival.alike else rival
    return marked


def _digits(mean: float, spread: float | None) -> tuple[str, str, str]:
    """Return mean and spread to the spread's two leading digits, and a power of ten that both share.

    Without a (positive) spread the mean gets four significant digits.
    """
    known = spread is not None and math.isfinite(spread)
    largest = max(abs(mean), spread if known and spread else 0.0)
    order = math.floor(math.log10(largest)) if largest > 0 else 0
    power = ""
    if not -4 <= order <= 5:
        # Divided in two steps: 10**-order itself overflows for the smallest floats.
        half = order // 2
        mean = mean / 10.0**half / 10.0 ** (order - half)
        spread = spread / 10.0**half / 10.0 ** (order - half) if known and spread is not None else spread
        power, order = f"e{order:+03d}", 0
    places = 3 - order
    if known and spread:
        # Rounding may carry into the next decade (0.0996 → 0.10), so ask the rounded number.
        places = 1 - int(f"{spread:.1e}".split("e")[1])
    places = min(max(places, 0), 9)
    text = f"{mean:.{places}f}"
    if not spread:
        return text, "" if spread is None else "0", power
    error = f"{spread:.{places}f}"
    if known and float(error) == 0:  # far below the mean's last digit
        error = f"{spread:.1e}"
    return text, error, power
