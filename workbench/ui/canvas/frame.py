"""A rectangle of cells, each with one sign and one style, that becomes Textual strips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from workbench.text import safe_text
from workbench.ui.ascii import ascii_only
from workbench.ui.canvas.palette import Palette

SPACE = 32
CONTINUED = 0  # the right half of a wide sign
Part = tuple[str | tuple[str, ...], Style]  # texts that say the same, the longest first


class Frame:
    """`height` × `width` cells; what is put outside is cut off, so that no size is too small."""

    def __init__(self, width: int, height: int, palette: Palette) -> None:
        base = palette.base
        self._ascii = palette.look.marker == "ascii"
        self.width = max(0, width)
        self.height = max(0, height)
        self.codes: NDArray[np.uint32] = np.full((self.height, self.width), SPACE, np.uint32)
        self.looks: NDArray[np.intp] = np.zeros((self.height, self.width), np.intp)
        self.styles: list[Style] = [base]
        self._known: dict[Style, int] = {base: 0}

    def style_number(self, style: Style) -> int:
        """Return the number of `style` in `looks`."""
        number = self._known.get(style)
        if number is None:
            number = self._known[style] = len(self.styles)
            self.styles.append(style)
        return number

    def put(self, x: int, y: int, text: str, style: Style, right: int | None = None) -> int:
        """Write text from cell (x, y), not beyond column `right`; return the column after it."""
        stop = self.width if right is None else min(self.width, right)
        if not 0 <= y < self.height:
            return x
        number = self.style_number(style)
        text = safe_text(text, one_line=True)
        if self._ascii:  # the one place where text becomes ASCII
            text = ascii_only(text)
        for sign in text:
            cells = 1 if sign.isascii() else cell_len(sign)
            if cells == 0:  # a combining mark has no cell of its own
                continue
            if x + cells > stop:
                break
            if x >= 0:
                self.codes[y, x] = ord(sign)
                self.looks[y, x : x + cells] = number
                if cells == 2:
                    self.codes[y, x + 1] = CONTINUED
            x += cells
        return x

    def parts(self, x: int, y: int, parts: Sequence[Part], right: int | None = None) -> int:
        """Write (text, style) parts one after another; return the column after the last one.

        A part without room is left out, never cut: half a sentence says something else. Of several
        texts for a part the first that fits is taken.
        """
        stop = self.width if right is None else min(self.width, right)
        for texts, style in parts:
            for text in (texts,) if isinstance(texts, str) else texts:
                if x + cell_len(text) <= stop:
                    x = self.put(x, y, text, style, stop)
                    break
        return x

    def column(self, x: int, y: int, height: int, sign: str, style: Style) -> None:
        """Repeat a sign downwards from cell (x, y)."""
        if 0 <= x < self.width:
            here = slice(max(0, y), max(0, y + height)), x
            self.codes[here] = ord(ascii_only(sign) if self._ascii else sign)
            self.looks[here] = self.style_number(style)

    def blit(self, x: int, y: int, codes: NDArray[np.uint32], looks: NDArray[np.intp]) -> None:
        """Copy a block of signs, leaving cells whose code is a space as they are; looks are style numbers."""
        left, top = max(0, x), max(0, y)
        right, bottom = min(self.width, x + codes.shape[1]), min(self.height, y + codes.shape[0])
        if right <= left or bottom <= top:
            return
        part = (slice(top - y, bottom - y), slice(left - x, right - x))
        seen = codes[part] != SPACE
        self.codes[top:bottom, left:right][seen] = codes[part][seen]
        self.looks[top:bottom, left:right][seen] = looks[part][seen]

    def paste(self, x: int, y: int, part: Frame) -> None:
        """Copy another frame, its spaces too, with its top left corner at cell (x, y)."""
        height, width = min(part.height, self.height - y), min(part.width, self.width - x)
        if height > 0 and width > 0:
            numbers = np.array([self.style_number(style) for style in part.styles])
            self.codes[y : y + height, x : x + width] = part.codes[:height, :width]
            self.looks[y : y + height, x : x + width] = numbers[part.looks[:height, :width]]

    def changed_rows(self, before: Frame | None) -> list[int] | None:
        """Return the rows that differ from those of `before`; None if the two cannot be compared."""
        if before is None or before.codes.shape != self.codes.shape or before.styles != self.styles:
            return None
        differ = ((self.codes != before.codes) | (self.looks != before.looks)).any(1)
        return np.flatnonzero(differ).tolist()

    def strips(self, rows: list[int] | None = None) -> list[Strip]:
        """Return a strip for each of `rows` (default: all), `width` cells each, each segment with a style."""
        codes, looks = (self.codes, self.looks) if rows is None else (self.codes[rows], self.looks[rows])
        if self.width == 0:
            return [Strip([], 0) for _ in range(len(codes))]
        text = codes.astype("<u4").tobytes().decode("utf-32-le", "replace")
        ends = np.zeros(codes.shape, bool)
        ends[:, :-1] = looks[:, 1:] != looks[:, :-1]
        ends[:, -1] = True
        parts: list[list[Segment]] = [[] for _ in range(len(codes))]
        begin, width, styles = 0, self.width, self.styles
        flat = np.flatnonzero(ends)
        wide = bool((codes == CONTINUED).any())
        for end, look in zip(flat.tolist(), looks.ravel()[flat].tolist(), strict=True):
            part = text[begin : end + 1]
            if wide:
                part = part.replace("\0", "")
            parts[end // width].append(Segment(part, styles[look]))
            begin = end + 1
        return [Strip(row, width) for row in parts]
