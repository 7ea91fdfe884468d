"""A table drawn line by line, so that 100,000 rows cost no more than the visible ones."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.ui.formatting import fit
from workbench.ui.messages import Replaceable

GAP = "  "
LEAD = 3  # cells before the first column: cursor, mark, space
FOCUSED, UNFOCUSED = "▸", "▹"  # the cursor of the focused list, and of any other


@dataclass(frozen=True)
class GridColumn:
    """One column: its key, its heading (one or two lines) and its width in cells."""

    key: str
    heading: tuple[str, ...]
    width: int
    right: bool = False


@dataclass(frozen=True)
class GridCell:
    """The text of a cell, and the name of its style ("", or a component class grid--NAME)."""

    text: str
    style: str = ""


class Grid(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows under a heading that stays. Subclasses fill them with `cells(row)`, or draw them in `row_line`.

    The cursor is a row, and a column once one is chosen.
    """

    ROW_LINES: ClassVar[int] = 1  # lines a row takes
    HEADED: ClassVar[bool] = True  # whether the headings of the columns are shown

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--heading", "grid--cursor", "grid--good", "grid--bad", "grid--waiting", "grid--running",
        "grid--best", "grid--faint",
    }  # fmt: skip

    DEFAULT_CSS = """
    Grid { width: 1fr; height: 1fr; }
    """

    @dataclass
    class Moved(Replaceable):
        """The cursor is on another row, or its row shows something else."""

        grid: Grid
        row: int

    @dataclass
    class Picked(Message):
        """A row was clicked while the cursor was on it."""

        grid: Grid
        row: int

    def __init__(self, *, show_cursor: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.columns: Sequence[GridColumn] = ()
        self.count = 0
        self.cursor = 0
        self.column = -1  # the chosen column, -1 for none
        self.heading_lines = 0
        self.show_cursor = show_cursor
        self.colours: Mapping[str, Color | None] = {}  # of headings, by the key of the column
        self.frozen = 0  # columns at the left edge that do not scroll sideways
        self._begins = [0]  # cell in which each column begins, the lead not counted

    # for subclasses

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return the cells of a row, one for each column."""
        raise NotImplementedError

    def mark(self, row: int) -> str:
        """Return the sign before a marked row."""
        return " "

    # for screens

    def reshape(self, columns: Sequence[GridColumn], count: int) -> None:
        """Take other columns or another number of rows, and draw again."""
        self.columns = columns
        self.count = count
        self.heading_lines = max((len(column.heading) for column in columns), default=0) if self.HEADED else 0
        self.cursor = max(0, min(self.cursor, count - 1))
        self.column = min(self.column, len(columns) - 1)
        self.frozen = min(self.frozen, len(columns))
        self._begins = [0]
        for column in columns:
            self._begins.append(self._begins[-1] + column.width + len(GAP))
        width = LEAD + max(0, self._begins[-1] - len(GAP))
        self.virtual_size = Size(width, count * self.ROW_LINES + self.heading_lines)
        self.refresh()

    def move_to(self, row: int) -> None:
        """Put the cursor on a row and scroll it into view."""
        row = max(0, min(row, self.count - 1))
        before, self.cursor = self.cursor, row
        self.scroll_to_cursor()
        if row != before:
            for y in (before, row):
                self.refresh_row(y)
            self.post_message(self.Moved(self, row))

    def move(self, by: int) -> None:
        """Move the cursor by some rows; without a cursor, scroll."""
        if self.show_cursor:
            self.move_to(self.cursor + by)
        else:
            self.scroll_relative(y=by, animate=False)

    @property
    def page(self) -> int:
        """Rows that fit on the screen."""
        return max(1, (self.size.height - self.heading_lines) // self.ROW_LINES)

    def choose_column(self, index: int) -> None:
        """Choose a column and scroll it into view."""
        if not self.columns:
            return
        self.column = max(0, min(index, len(self.columns) - 1))
        begins, end, room = self._begins, self._begins[self.column + 1] - len(GAP), self.size.width - LEAD
        kept = begins[self.frozen]
        if self.column < self.frozen or begins[self.column] - kept < self.scroll_offset.x:
            self.scroll_to(x=max(0, begins[self.column] - kept), animate=False)
        elif end > self.scroll_offset.x + room:  # whole columns from the left edge on
            fits = (begin for begin in begins[self.frozen : self.column] if end - begin <= room - kept)
            self.scroll_to(x=next(fits, begins[self.column]) - kept, animate=False)
        self.refresh()

    def refresh_row(self, row: int) -> None:
        """Draw one row again."""
        y = row * self.ROW_LINES - self.scroll_offset.y + self.heading_lines
        top = max(self.heading_lines, y)
        if top < min(self.size.height, y + self.ROW_LINES):
            self.refresh(Region(0, top, self.size.width, y + self.ROW_LINES - top))

    def scroll_to_cursor(self) -> None:
        """Scroll as little as brings the cursor's row into view."""
        top, y = self.scroll_offset.y, self.cursor * self.ROW_LINES
        room = self.size.height - self.heading_lines
        if y < top:
            self.scroll_to(y=y, animate=False)
        elif y + self.ROW_LINES > top + room > top:
            self.scroll_to(y=y + self.ROW_LINES - room, animate=False)

    # drawing

    def render_line(self, y: int) -> Strip:
        """Return one line; the heading does not scroll down."""
        row, part = divmod(y - self.heading_lines + self.scroll_offset.y, self.ROW_LINES)
        if y < self.heading_lines:
            segments, base = self._heading(y)
        elif 0 <= row < self.count:
            at_cursor = self.show_cursor and row == self.cursor
            base = self.get_component_rich_style("grid--cursor") if at_cursor else self.rich_style
            cursor = (FOCUSED if self.has_focus else UNFOCUSED) if at_cursor else " "
            segments = self.row_line(row, part, cursor, base)
        else:
            return Strip.blank(self.size.width, self.rich_style)
        return Strip(segments).crop_extend(0, self.size.width, base)

    def row_line(self, row: int, part: int, cursor: str, base: Style) -> list[Segment]:
        """Return line `part` of a row that begins with the sign `cursor`, on the style `base`."""
        bold = (self.show_cursor and row == self.cursor) or None
        ground = Style(bgcolor=base.bgcolor, bold=bold, reverse=base.reverse)
        cells, parts = self.cells(row), []
        for index, begin, width in self._visible_columns():
            cell = cells[index]
            style = self.get_component_rich_style(f"grid--{cell.style}") + ground if cell.style else base
            parts.append((begin, Segment(fit(cell.text, width, right=self.columns[index].right), style)))
        return _spread(Segment(fit(cursor + self.mark(row), LEAD), base), parts, base)

    def _heading(self, y: int) -> tuple[list[Segment], Style]:
        style = self.get_component_rich_style("grid--heading")
        parts = []
        for index, begin, width in self._visible_columns():
            column = self.columns[index]
            text = column.heading[y] if y < len(column.heading) else ""
            own = style + Style(color=self.colours.get(column.key))
            chosen = own + Style(reverse=True) if index == self.column and y == 0 else own
            parts.append((begin, Segment(fit(text, width, right=column.right), chosen)))
        segments = _spread(Segment(" " * LEAD, style), parts, style)
        right = self.scroll_offset.x + self.size.width - LEAD
        if y == 0 and self.columns and self._begins[-1] - len(GAP) > right:  # more columns to the right
            segments = [*Strip(segments).crop_extend(0, self.size.width - 1, style), Segment("›", style)]
        return segments, style

    def _visible_columns(self) -> list[tuple[int, int, int]]:
        """Return (index, first cell, width) of the columns that fit whole: half a number is another one.

        Only a column wider than the widget is cut.
        """
        room, left, kept = self.size.width - LEAD, self.scroll_offset.x, self._begins[self.frozen]
        found = []
        for index, column in enumerate(self.columns):
            at = self._begins[index] - (left if index >= self.frozen else 0)
            width = column.width if column.width <= room else room - at
            if (at >= kept or index < self.frozen) and 0 < width <= room - at:
                found.append((index, LEAD + at, width))
        return found

    def on_click(self, event: events.Click) -> None:
        """Go to the row under the mouse; a click on the cursor's own row picks it."""
        row = (event.y - self.heading_lines + self.scroll_offset.y) // self.ROW_LINES
        if event.y >= self.heading_lines and 0 <= row < self.count and self.show_cursor:
            if row == self.cursor:
                self.post_message(self.Picked(self, row))
            self.move_to(row)


def _spread(lead: Segment, parts: list[tuple[int, Segment]], base: Style) -> list[Segment]:
    """Put the parts where their columns begin; the lead, with cursor and marks, does not scroll."""
    segments, at = [lead], LEAD
    for begin, part in parts:
        segments += [Segment(" " * (begin - at), base), part]
        at = begin + part.cell_length
    return segments


def columns_of(
    keys: Sequence[str], headings: Sequence[tuple[str, str]], texts: Sequence[Sequence[str]], most: int = 48
) -> list[GridColumn]:
    """Return columns as wide as their widest text; label and unit are wrapped to it."""
    columns, parts = [], []
    for (label, unit), column in zip(headings, texts, strict=True):
        inside = max((cell_len(text) for text in column), default=0)
        longest = max((cell_len(word) for word in label.split()), default=1)
        width = min(most, max(inside, min(longest, 16), min(cell_len(label), 12)))
        columns.append(width)
        parts.append((wrap(label, width) or [""], wrap(unit, width)))
    lines = max((len(label) + len(unit) for label, unit in parts), default=0)
    return [
        GridColumn(key, (*label, *unit, *[""] * (lines - len(label) - len(unit))), width)
        for key, width, (label, unit) in zip(keys, columns, parts, strict=True)
    ]


def wrap(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` characters, broken at spaces and dashes where that can be."""
    return textwrap.wrap(text, max(1, width), break_on_hyphens=True) if text else []
