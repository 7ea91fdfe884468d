"""Writes only cells that changed: Textual repaints whole widgets, which a slow line has to carry each time.

What the terminal shows is remembered cell by cell. An update becomes moves of the cursor and the runs of
cells that differ; a style is written where it changes, not around each piece of text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

Cell = tuple[str, str]  # a sign with those combined with it, and the codes of its style
BRIDGE = 5  # equal cells between two runs that are written again, since a move costs as much


class Shown:
    """What the terminal shows, by row. Empty: nothing is known, and everything is written."""

    def __init__(self) -> None:
        self.rows: dict[int, list[Cell | None]] = {}

    def forget(self) -> None:
        """Know nothing any more: the terminal has another size, or was used by another program."""
        self.rows.clear()

    def put(self, y: int, x: int, cells: list[Cell]) -> Iterator[tuple[int, list[Cell]]]:
        """Take the new cells of a row from column x on; yield the runs (column, cells) that differ."""
        row = self.rows.setdefault(y, [])
        if len(row) < x + len(cells):
            row += [None] * (x + len(cells) - len(row))
        old = row[x : x + len(cells)]
        if old == cells:
            return
        row[x : x + len(cells)] = cells
        begin = end = -1  # of the run that is not written yet
        for place, (before, now) in enumerate(zip(old, cells, strict=True)):
            if before == now:
                continue
            if begin >= 0 and place - end > BRIDGE:
                yield x + begin, cells[begin:end]
                begin = -1
            if begin < 0:
                begin = place
                while begin and not cells[begin][0]:  # from the left half of a wide sign on
                    begin -= 1
            end = place + 1
            while end < len(cells) and not cells[end][0]:
                end += 1
        yield x + begin, cells[begin:end]


class ThinUpdate(CompositorUpdate):
    """An update of Textual's compositor that leaves out what is shown already."""

    def __init__(self, update: LayoutUpdate | ChopsUpdate, shown: Shown) -> None:
        self.update = update
        self.shown = shown

    def __rich_console__(self, console: Console, options: Any) -> Any:
        return self.update.__rich_console__(console, options)

    def render_segments(self, console: Console) -> str:
        """Return the bytes for the terminal."""
        system = console._color_system or ColorSystem.TRUECOLOR
        parts: list[str] = []
        codes = ""
        for y, x, strip in _pieces(self.update):
            for column, cells in self.shown.put(y, x, cells_of(strip, system)):
                parts.append(f"\x1b[{y + 1};{column + 1}H")
                for sign, own in cells:
                    if own != codes:
                        parts.append(f"\x1b[0;{own}m" if own else "\x1b[0m")
                        codes = own
                    parts.append(sign)
        return "".join([*parts, "\x1b[0m"] if codes else parts)


def _pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """Yield (row, column, strip) of an update."""
    if isinstance(update, LayoutUpdate):
        for y, line in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in line:
                yield y, x, strip
                x += strip.cell_length
        return
    for y, left, right in update.spans:
        for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if chop is not None and x <= right and end > left:
                yield y, x, chop


def cells_of(strip: Strip, system: ColorSystem) -> list[Cell]:
    """Return the cells of a strip; the right half of a wide sign has no text of its own."""
    cells: list[Cell] = []
    for text, style, control in strip:
        if control:
            continue
        codes = _codes(style, system) if style is not None else ""
        if text.isascii():
            cells += [(sign, codes) for sign in text]
            continue
        for sign in text:
            width = cell_len(sign)
            if width:
                cells += [(sign, codes), *[("", codes)] * (width - 1)]
            elif cells:  # a combining mark belongs to the sign before it
                place = next(k for k in range(len(cells) - 1, -1, -1) if cells[k][0])
                cells[place] = cells[place][0] + sign, cells[place][1]
    return cells


@lru_cache(maxsize=4096)
def _codes(style: Style, system: ColorSystem) -> str:
    return Strip.render_ansi(style, system)
