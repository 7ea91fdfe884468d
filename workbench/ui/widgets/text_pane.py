"""Panes of plain lines: scrolled by Textual, drawn line by line, and only those that can be seen."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.api.live import LiveRun
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Look, Palette, look_of
from workbench.ui.formatting import shortened
from workbench.ui.widgets.pane import message, waiting

Line = tuple[tuple[str, str], ...]  # (text, style name) pieces; style names are methods of Palette


class TextPane(ScrollView, can_focus=True):
    """Base of the log and config panes. It is used like a Pane: `show`, `refresh_data`."""

    TITLE: ClassVar[str] = ""
    NOTHING: ClassVar[str] = ""
    WIDEST: ClassVar[int] = 2000

    DEFAULT_CSS = """
    TextPane { width: 1fr; height: 1fr; overflow: auto; scrollbar-size: 0 1; }
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.border_title = self.TITLE
        self.live: LiveRun | None = None
        self.lines: list[Line] = []
        self._seen_version: Any = None
        self._look: Look | None = None

    def show(self, live: LiveRun | None) -> None:
        """Show another run, or none."""
        if live is not self.live:
            self.live = live
            self._seen_version = None
            self.lines = []
            self.reset()
        self.changed()

    def reset(self) -> None:
        """Begin anew with another run."""
        self.scroll_to(0, 0, animate=False, immediate=True)

    def refresh_data(self) -> None:
        """Take in what is new, if there is something and the pane can be seen."""
        if self.is_attached and self.screen.is_current and self.is_on_screen:
            self._take()

    def on_show(self) -> None:
        self._take()

    def on_mount(self) -> None:
        if look_of(self.app).marker == "ascii":  # a scroll bar is made of block signs
            self.styles.scrollbar_size_vertical = 0
        self._take()

    def changed(self) -> None:
        """Take the lines in again after an option changed."""
        self._seen_version = None
        if self.is_attached:
            self._take()

    def source(self) -> Any:
        """Return something that differs when there are new lines."""
        raise NotImplementedError

    def read(self) -> list[Line]:
        """Return all lines to show now."""
        raise NotImplementedError

    def _take(self) -> None:
        version = (id(self.live), self.source())
        if version == self._seen_version:
            return
        self._seen_version = version
        self.lines = self.read() if self.live is not None else []
        widest = max((sum(len(text) for text, _ in line) for line in self.lines), default=0)
        self.virtual_size = Size(min(widest, self.WIDEST), len(self.lines))
        self.after_read()
        self.refresh()

    def after_read(self) -> None:
        """Called once new lines are in place."""

    def render_line(self, y: int) -> Strip:
        """Return one row of the part that is scrolled to."""
        look, base = self._look or look_of(self.app), self.visual_style.rich_style
        self._look = look
        palette = Palette(base, look)
        width, height = self.size
        if not self.lines:
            frame = Frame(width, height, palette)
            message(frame, palette, waiting(self.live, self.NOTHING))
            strips = frame.strips()
            return strips[y] if 0 <= y < len(strips) else Strip.blank(width, base)
        x, top = (int(value) for value in self.scroll_offset)
        row = Frame(width, 1, palette)
        at = -x
        if 0 <= top + y < len(self.lines):
            for text, name in self.lines[top + y]:
                if name == "remark":  # it ends between words
                    text = shortened(text, width - at)
                elif name == "whole" and len(text) > width - at:
                    continue
                at = row.put(at, 0, text, _style(palette, name))
        return row.strips()[0] if row.height else Strip.blank(width, base)


def _style(palette: Palette, name: str) -> Style:
    if name == "line":
        return palette.line(1)
    if name in ("faint", "remark", "whole"):
        return palette.faint()
    return {"bold": palette.bold, "warn": palette.warn}.get(name, palette.text)()
