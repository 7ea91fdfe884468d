"""A fine grid of dots inside cells (braille 2×4, quadrants and ASCII 2×2), drawn on with numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.ui.canvas.frame import SPACE, Frame
from workbench.ui.canvas.palette import Marker

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]

# For each marker: dots a cell across and down, and the sign of every pattern of bits.
# Bits count row by row from the top left; braille has its own order (Unicode, block U+2800).
_BRAILLE_BITS = (0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80)
_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"


def _signs(marker: Marker) -> NDArray[np.uint32]:
    if marker == "braille":
        patterns = np.arange(256, dtype=np.uint32)
        codes = np.zeros(256, np.uint32)
        for bit, mask in enumerate(_BRAILLE_BITS):
            codes |= np.where(patterns >> bit & 1, mask, 0).astype(np.uint32)
        codes += 0x2800
    elif marker == "quadrant":
        codes = np.array([ord(sign) for sign in _QUADRANTS], np.uint32)
    else:
        upper, lower = 0b0011, 0b1100
        signs = [":" if k & upper and k & lower else "'" if k & upper else "." for k in range(15)] + ["*"]
        codes = np.array([ord(sign) for sign in signs], np.uint32)
    codes[0] = SPACE
    return codes


DOTS: dict[Marker, tuple[int, int]] = {"braille": (2, 4), "quadrant": (2, 2), "ascii": (2, 2)}
SIGNS: dict[Marker, NDArray[np.uint32]] = {marker: _signs(marker) for marker in DOTS}

# Which dots of a line are drawn, by column: lines stay apart without colour.
DASHES: tuple[tuple[int, ...], ...] = ((1,), (1, 1, 0, 0), (1, 1, 1, 1, 1, 0, 0, 0), (1, 1, 1, 1, 0, 1, 0, 0))


class Dots:
    """`width` × `height` cells of dots. Where two layers meet in a cell, the later one takes it whole."""

    def __init__(self, width: int, height: int, marker: Marker) -> None:
        self.width, self.height, self.marker = max(0, width), max(0, height), marker
        self.across, self.down = DOTS[marker]
        self.columns, self.rows = self.width * self.across, self.height * self.down
        self.bits: NDArray[np.uint8] = np.zeros((self.height, self.width), np.uint8)
        self.looks: Ints = np.zeros((self.height, self.width), np.intp)

    def layer(self) -> NDArray[np.uint8]:
        """Return an empty plane [rows, columns] to set dots in; row 0 is the top."""
        return np.zeros((self.rows, self.columns), np.uint8)

    def add(self, plane: NDArray[np.uint8], look: int) -> None:
        """Lay a plane on top, in the style number `look`."""
        if self.width == 0 or self.height == 0:
            return
        packed = np.zeros_like(self.bits)
        for bit in range(self.across * self.down):
            row, column = divmod(bit, self.across)
            packed |= plane[row :: self.down, column :: self.across] << bit
        seen = packed != 0
        self.bits[seen] = packed[seen]
        self.looks[seen] = look

    def points(self, columns: Ints, rows: Ints, look: int) -> None:
        """Set single dots; those outside are left out."""
        plane = self.layer()
        inside = (columns >= 0) & (columns < self.columns) & (rows >= 0) & (rows < self.rows)
        plane[rows[inside], columns[inside]] = 1
        self.add(plane, look)

    def line(self, columns: Floats, rows: Floats, look: int, dash: int = 0) -> None:
        """Join points given in dots (fractions allowed); a NaN breaks the line, a lone point is a dot."""
        plane = self.layer()
        at_columns, at_rows = trace(columns, rows, self.columns, self.rows)
        pattern = np.array(DASHES[dash % len(DASHES)], bool)
        shown = pattern[at_columns % len(pattern)]
        if not shown.any():  # a short piece may fall into the gap of its own dashes
            shown[:] = True
        plane[at_rows[shown], at_columns[shown]] = 1
        self.add(plane, look)

    def band(self, columns: Ints, upper: Floats, lower: Floats, look: int, sparse: bool = False) -> None:
        """Fill each column between two rows; missing columns between two present ones are filled across;
        a NaN leaves a gap.

        `sparse` sets every other dot only, for where colours do not distinguish a band from a line.
        """
        if len(columns) == 0 or self.rows == 0:
            return
        every = np.arange(columns[0], columns[-1] + 1)
        edges = []
        for values in (upper, lower):
            edge = np.interp(every, columns, values)
            edge[columns - columns[0]] = values  # next to a NaN only the known points themselves
            edges.append(np.clip(np.round(edge), -1, self.rows))
        top, bottom = edges
        height = np.arange(self.rows)[:, None]
        plane = self.layer()
        inside = (every >= 0) & (every < self.columns) & np.isfinite(top) & np.isfinite(bottom)
        filled = (height >= top[inside]) & (height <= bottom[inside])
        if sparse:
            filled &= (height + every[inside]) % 2 == 0
        plane[:, every[inside]] = filled
        self.add(plane, look)

    def onto(self, frame: Frame, x: int, y: int) -> None:
        """Copy the picture into a frame with its upper left cell at (x, y)."""
        frame.blit(x, y, SIGNS[self.marker][self.bits], self.looks)


def trace(columns: Floats, rows: Floats, width: int, height: int) -> tuple[Ints, Ints]:
    """Return the (column, row) of all dots on the polyline through the points, inside width × height.

    Rows are clamped to one dot outside first, so that a value of 1e300 costs no more than any other.
    """
    none = np.empty(0, np.intp)
    if len(columns) == 0 or width < 1 or height < 1:
        return none, none
    good = np.isfinite(columns) & np.isfinite(rows)
    x = np.round(np.where(good, np.clip(columns, -1, width), 0)).astype(np.intp)
    y = np.round(np.where(good, np.clip(rows, -1, height), 0)).astype(np.intp)
    joined = good[:-1] & good[1:]
    alone = good.copy()
    alone[:-1] &= ~joined
    alone[1:] &= ~joined
    x0, y0, x1, y1 = x[:-1][joined], y[:-1][joined], x[1:][joined], y[1:][joined]
    steps = np.maximum(np.maximum(np.abs(x1 - x0), np.abs(y1 - y0)), 1)
    counts = steps + 1
    which = np.repeat(np.arange(len(steps)), counts)
    along = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = along / steps[which]
    px = np.concatenate([np.round(x0[which] + share * (x1 - x0)[which]).astype(np.intp), x[alone]])
    py = np.concatenate([np.round(y0[which] + share * (y1 - y0)[which]).astype(np.intp), y[alone]])
    inside = (px >= 0) & (px < width) & (py >= 0) & (py < height)
    return px[inside], py[inside]
