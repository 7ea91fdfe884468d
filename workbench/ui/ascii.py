"""Where every sign becomes ASCII: a filter on the way to terminals that have no other signs."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS = {
    "●": "o", "◐": "~", "○": ".", "‖": "|", "✓": "+", "✗": "!", "⊘": "-", "▪": "*", "▸": ">", "★": "*",
    "━": "#", "╌": "-", "─": "-", "│": "|", "┃": "|", "…": "~", "·": "-", "–": "-", "—": "-", "−": "-",
    "×": "x", "±": "+", "≈": "~", "≥": ">", "≤": "<", "→": ">", "←": "<", "↑": "^", "↓": "v", "•": "*",
    "▴": "^", "▾": "v", "²": "2", "³": "3", "₁": "1", "█": "#", "▀": "^", "▄": "_", "’": "'",
    "“": '"', "”": '"', "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┌": "+", "┐": "+", "└": "+", "┘": "+",
    "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+", "═": "=", "║": "|", "╔": "+", "╗": "+", "╚": "+",
    "╝": "+", "▹": "-", "‹": "<", "›": ">", "┄": ".", "╶": "-", "σ": "s", "η": "h", "τ": "t", "ε": "e",
    "β": "b", "χ": "X", "Δ": "D", "∇": "d", "∞": "8",
}  # fmt: skip
_BLOCKS = set(map(chr, range(0x2580, 0x25A0)))  # block elements: scroll bars and edges


@lru_cache(maxsize=4096)
def ascii_only(text: str) -> str:
    """Return text of the same width in ASCII; others become a question mark for each cell."""
    if text.isascii():
        return text
    text = text.replace("± ", "+-")  # a lone + would add what is a spread
    return "".join(
        sign if sign.isascii() else _SIGNS.get(sign) or (" " if sign in _BLOCKS else "?" * cell_len(sign))
        for sign in text
    )


class AsciiFilter(LineFilter):
    """Replaces the signs of each line that is about to be sent."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.text.isascii()
            else Segment(ascii_only(segment.text), segment.style, segment.control)
            for segment in segments
        ]
