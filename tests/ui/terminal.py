"""A terminal that understands moves and styles, to see what bytes do to a screen."""

import re

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from workbench.ui.thin import Cell, cells_of

PART = re.compile(
    r"\x1b\[(?P<y>\d+);(?P<x>\d+)H|\x1b\[(?P<sgr>[\d;]*)m"
    r"|\x1b\[[\d;?=><$]*[a-zA-Z]|\x1b\].*?(?:\x07|\x1b\\)|\x1b[^\[]|(?P<sign>[^\x1b])",
    re.DOTALL,
)


class Terminal:
    """What it shows, cell by cell: (row, column) to sign and codes of its style."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], Cell] = {}
        self.y = self.x = 0
        self.codes = ""

    def write(self, data: str) -> None:
        """Take what a program writes; what is neither a move, a style nor text is left out."""
        for part in PART.finditer(data):
            if part["y"]:
                self.y, self.x = int(part["y"]) - 1, int(part["x"]) - 1
            elif part["sgr"] is not None:
                self.codes = part["sgr"].removeprefix("0").removeprefix(";")
            elif part["sign"]:
                self._put(part["sign"])

    def _put(self, sign: str) -> None:
        cells = cells_of(Strip([Segment("a" + sign, Style.null())]), ColorSystem.TRUECOLOR)
        if len(cells) == 1:  # a combining mark
            place = self.x - 1 if self.cells[self.y, self.x - 1][0] else self.x - 2
            self.cells[self.y, place] = self.cells[self.y, place][0] + sign, self.codes
        for text, _ in cells[1:]:
            self.cells[self.y, self.x] = text, self.codes
            self.x += 1

    def text(self) -> str:
        """Return the rows as text."""
        rows: dict[int, dict[int, str]] = {}
        for (y, x), (sign, _) in self.cells.items():
            rows.setdefault(y, {})[x] = sign
        return "\n".join(
            "".join(row.get(x, " ") for x in range(max(row) + 1)) for _, row in sorted(rows.items())
        )
