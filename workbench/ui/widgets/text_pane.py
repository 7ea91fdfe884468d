"""Panes of plain lines: scrolled by Textual, drawn line by line, and only those that are visible."""

from __future__ import annotations

from textwrap import wrap
from typing import Any, ClassVar

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import look_of
from workbench.ui.formatting import shortened
from workbench.ui.widgets.pane import LivePane, message, waiting

Line = tuple[tuple[str, str], ...]  # (text, style name) pieces; see TextPane.render_line for the styles


class TextPane(LivePane, ScrollView, can_focus=True):
    """Base of the log and config panes. Subclasses return all their lines from `read`."""

    NOTHING: ClassVar[str] = ""
    WIDEST: ClassVar[int] = 2000
    WRAPS: ClassVar[bool] = False  # long lines continue below, made for the pane's width

    DEFAULT_CSS = """
    TextPane { width: 1fr; height: 1fr; overflow: auto; scrollbar-size: 0 1; }
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.lines: list[Line] = []
        self._read_from: Any = None  # what the lines were read from

    def on_mount(self) -> None:
        if look_of(self.app).marker == "ascii":  # a scroll bar is made of block signs
            self.styles.scrollbar_size_vertical = 0
        self.update()

    def reset(self) -> None:
        """Start again at the top."""
        self.lines = []
        self.scroll_to(0, 0, animate=False, immediate=True)

    def read(self) -> list[Line]:
        """Return all lines to show now."""
        raise NotImplementedError

    def _state(self) -> tuple[Any, ...]:
        return self._changes, self.source(), self.size.width if self.WRAPS else 0

    def wrapped(self, text: str, style: str) -> list[Line]:
        """Return a text as one line, or as several if it is wider than the pane."""
        width = self.size.width
        if len(text) <= width or width < 10:
            return [((text, style),)]
        indent = " " * min(width // 4, len(text) - len(text.lstrip()) + 2)
        return [((part, style),) for part in wrap(text, width, subsequent_indent=indent)]

    def update(self) -> None:
        """Read the lines again if they may be others now."""
        state = self._state()
        if state == self._read_from:
            return
        self._read_from = state
        self.lines = self.read() if self.live is not None else []
        widest = max((sum(len(text) for text, _ in line) for line in self.lines), default=0)
        self.virtual_size = Size(min(widest, self.WIDEST), len(self.lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one visible row. A "remark" is shortened between words, a "whole" piece is never cut."""
        palette, (width, height) = self.palette(), self.size
        if y == 0 and self._read_from != self._state():
            self.call_later(self.update)  # the run changed while a layout was pending, see refresh_data
        if not self.lines:
            frame = Frame(width, height, palette)
            message(frame, palette, waiting(self.live, self.NOTHING))
            strips = frame.strips()
            return strips[y] if 0 <= y < len(strips) else Strip.blank(width, palette.base)
        x, top = (int(value) for value in self.scroll_offset)
        row = Frame(width, 1, palette)
        styles = {
            "line": palette.line(1),
            "bold": palette.bold(),
            "warn": palette.warn(),
            "text": palette.base,
        }
        at = -x
        if 0 <= top + y < len(self.lines):
            for text, name in self.lines[top + y]:
                if name == "remark":
                    text = shortened(text, width - at)
                elif name == "whole" and len(text) > width - at:
                    continue
                at = row.put(at, 0, text, styles.get(name) or palette.faint())
        return row.strips()[0] if row.height else Strip.blank(width, palette.base)
