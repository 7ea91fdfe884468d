"""What all live panes share: they show one run, redraw only rows that changed, and never raise.

How a screen uses a pane (all of them: CurvePane, ModelPane, ScatterPane, SamplePane, LogPane, ConfigPane):

    pane.show(live)          a LiveRun, or None for the empty state; cheap to call with the same one again
    pane.refresh_data()      after LiveRun.poll() returned True; does nothing while the pane is hidden
    pane.border_title        set; border_subtitle tells the options in force
    pane.next_metric() …     options are methods without arguments; keys are given in ui/actions.py
    app.look                 optional Look(marker, colours) that overrides what was detected
    app.ascii_only           True for `workbench --ascii`
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from workbench.api.live import LiveRun
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Look, Palette, look_of


class Pane(Widget, can_focus=True):
    """Base of the drawn panes: `show` when a run is chosen, `refresh_data` after each poll.

    Subclasses fill a frame in `draw`; it is called only for a pane that is on screen.
    """

    TITLE: ClassVar[str] = ""
    strict: ClassVar[bool] = (
        False  # tests set it: let an error in `draw` out instead of telling it in the pane
    )

    DEFAULT_CSS = """
    Pane { width: 1fr; height: 1fr; }
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.border_title = self.TITLE
        self.live: LiveRun | None = None
        self._frame: Frame | None = None
        self._strips: list[Strip] = []
        self._drawn: tuple[Any, ...] | None = None  # what the strips were drawn from
        self._palette: Palette | None = None
        self._look: Look | None = None
        self._changes = 0  # options changed by the user so far

    def show(self, live: LiveRun | None) -> None:
        """Show another run, or none."""
        if live is not self.live:
            self.live = live
            self.reset()
        self.changed()

    def reset(self) -> None:
        """Forget what belongs to the run that was shown; subclasses extend this."""

    def refresh_data(self) -> None:
        """Draw again if the run has news and the pane can be seen. Cheap when nothing changed."""
        if self._seen():  # a hidden pane draws what is newest when it is shown
            self._repaint()

    def changed(self) -> None:
        """Draw again after an option changed."""
        self._changes += 1
        if self._seen():
            self._repaint()

    def _seen(self) -> bool:
        return self.is_attached and self.screen.is_current and self.is_on_screen

    def on_show(self) -> None:
        self._repaint()

    def source(self) -> Any:
        """Return something that differs when there is something new to draw."""
        return (id(self.live), self.live.version) if self.live is not None else None

    def draw(self, frame: Frame, palette: Palette) -> None:
        """Fill the frame."""
        raise NotImplementedError

    def palette(self) -> Palette:
        """Return the styles for this pane's present ground."""
        look, base = self._look or look_of(self.app), self.visual_style.rich_style
        self._look = look
        if self._palette is None or self._palette.base != base or self._palette.look != look:
            self._palette = Palette(base, look)
        return self._palette

    def build(self) -> Frame:
        """Draw into a frame of the pane's present size; an error becomes a sentence in the pane."""
        palette = self.palette()
        frame = Frame(self.size.width, self.size.height, palette)
        try:
            self.draw(frame, palette)
        except Exception as error:  # an exception in a render function would end the whole app
            if self.strict:
                raise
            frame = Frame(self.size.width, self.size.height, palette)
            what = type(error).__name__
            message(frame, palette, f"This pane could not be drawn ({what}). The run is not affected.")
        return frame

    def _state(self) -> tuple[Any, ...]:
        return (self.size, self._changes, self.source(), self.palette().base)

    def _renew(self) -> list[int] | None:
        """Bring the strips up to date; return the rows that changed, None for all."""
        state = self._state()
        if state == self._drawn:
            return []
        before, self._frame, self._drawn = self._frame, self.build(), state
        rows = self._frame.changed_rows(before)
        if rows is None:
            self._strips = self._frame.strips()
        else:
            for y, strip in zip(rows, self._frame.strips(rows), strict=True):
                self._strips[y] = strip
        return rows

    def _repaint(self) -> None:
        rows = self._renew()
        if rows is None:
            self.refresh()
        elif rows:
            # Textual does not compare cells: a whole refresh would send the whole pane again.
            self.refresh(*(Region(0, y, self.size.width, 1) for y in rows))

    def render_line(self, y: int) -> Strip:
        """Return one row of the pane."""
        if self._drawn != self._state():
            # At another size Textual asks for every row; else it may keep old ones of its own.
            all_asked = self._drawn is None or self._drawn[0] != self.size
            if self._renew() != [] and not all_asked:
                self.call_later(self.refresh)
        if 0 <= y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.palette().base)


def message(frame: Frame, palette: Palette, text: str) -> None:
    """Write a sentence in the middle of the frame, wrapped."""
    width = max(1, frame.width - 2)
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    top = max(0, (frame.height - len(lines)) // 2)
    for k, line in enumerate(lines):
        frame.put(max(0, (frame.width - len(line)) // 2), top + k, line, palette.faint(0.75))


def waiting(live: LiveRun | None, nothing: str) -> str:
    """Return the sentence of a pane that has nothing to draw yet; `nothing` is for a run at work or over."""
    if live is None:
        return "No run is chosen.\nPick one in the queue with j and k, or press n to launch one."
    progress = live.progress
    if progress.state == "queued":
        return f"{live.label} is waiting in the queue.\n{progress.reason}".strip()
    if progress.state in ("failed", "cancelled"):
        how = "failed" if progress.state == "failed" else "was cancelled"
        return f"{live.label} {how}.\n{progress.reason}".strip()
    if progress.state == "paused":
        return f"{live.label} is paused.\n{progress.reason}".strip()
    if not progress.over and progress.phase not in ("training", "evaluating", "done"):
        return f"{progress.phase or 'starting'}…"
    return nothing
