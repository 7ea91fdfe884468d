"""What all live panes share: they show one run, redraw only rows that changed, and never raise.

How a screen uses a pane:

    pane.show(live)              a LiveRun, or None for the empty state; cheap to call with the same one again
    pane.refresh_data()          after LiveRun.poll() returned True; does nothing while the pane is hidden
    pane.cycle("log_y")          the next choice of an option; other options are methods such as step_seed
    app.look                     optional Look(marker, colours) that overrides what was detected
    app.ascii_only               True for `workbench --ascii`
"""

from __future__ import annotations

from textwrap import wrap
from typing import Any, ClassVar

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from workbench.api.live import LiveRun
from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Look, Palette, look_of


class LivePane(Widget):
    """Base of all panes: `show` when a run is chosen, `refresh_data` after each poll.

    Subclasses take in what is new in `update`; it is called only while the pane is visible.
    """

    HELP: ClassVar[str] = ""  # what the pane shows, as an imperative sentence
    WATCHES: ClassVar[str] = ""  # metrics, snapshots or log; empty: something that never changes
    CHOICES: ClassVar[dict[str, tuple[Any, ...]]] = {}  # options; the first choice is the default

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.live: LiveRun | None = None
        self._look: Look | None = None
        self._palette: Palette | None = None
        self._changes = 0  # options changed by the user so far
        for name, choices in self.CHOICES.items():
            setattr(self, name, choices[0])

    def show(self, live: LiveRun | None) -> None:
        """Show another run, or none."""
        if live is not self.live:
            self.live = live
            self.reset()
        self.changed()

    def follow(self, live: LiveRun | None) -> None:
        """Show a run, or only its news if it is shown already."""
        if live is not None and self.live is live:
            self.refresh_data()
        else:
            self.show(live)

    def reset(self) -> None:
        """Forget what belongs to the run that was shown; subclasses extend this."""

    def cycle(self, option: str) -> None:
        """Go to the next choice of an option, if the pane has it."""
        if option in self.CHOICES:
            choices = self.CHOICES[option]
            setattr(self, option, choices[(choices.index(getattr(self, option)) + 1) % len(choices)])
            self.changed()

    def changed(self) -> None:
        """Update after an option changed."""
        self._changes += 1
        self.refresh_data()

    def refresh_data(self) -> None:
        """Update if the run has news and the pane is visible. Cheap when nothing changed."""
        if self.is_attached and self.screen.is_current and self.is_on_screen:
            self.update()  # a hidden pane does this when it is shown

    def on_show(self) -> None:
        self.update()

    def update(self) -> None:
        """Take in what is new and draw it."""
        raise NotImplementedError

    def source(self) -> Any:
        """Return something that differs when there is something new to show."""
        live = self.live
        return live and (id(live), live.versions.get(self.WATCHES), live.progress.over, waiting(live, ""))

    def palette(self) -> Palette:
        """Return the styles for this pane's present background."""
        look, base = self._look or look_of(self.app), self.visual_style.rich_style
        self._look = look
        if self._palette is None or self._palette.base != base or self._palette.look != look:
            self._palette = Palette(base, look)
        return self._palette


class Pane(LivePane, can_focus=True):
    """Base of the drawn panes. Subclasses fill a frame in `draw`."""

    strict: ClassVar[bool] = False  # True in tests: raise an error in `draw` instead of showing it

    DEFAULT_CSS = """
    Pane { width: 1fr; height: 1fr; }
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._frame: Frame | None = None
        self._strips: list[Strip] = []
        self._drawn: tuple[Any, ...] | None = None  # what the strips were drawn from

    def draw(self, frame: Frame, palette: Palette) -> None:
        """Fill the frame."""
        raise NotImplementedError

    def _state(self) -> tuple[Any, ...]:
        return (self.size, self._changes, self.source(), self.palette().base)

    def _renew(self) -> list[int] | None:
        """Bring the strips up to date; return the rows that changed, None for all.

        An error in `draw` becomes a sentence in the pane: it would end the whole app.
        """
        state = self._state()
        if state == self._drawn:
            return []
        palette = self.palette()
        frame = Frame(self.size.width, self.size.height, palette)
        try:
            self.draw(frame, palette)
        except Exception as error:
            if self.strict:
                raise
            frame = Frame(self.size.width, self.size.height, palette)
            what = type(error).__name__
            message(frame, palette, f"This pane could not be drawn ({what}). The run is not affected.")
        rows = frame.changed_rows(self._frame)
        self._frame, self._drawn = frame, state
        if rows is None:
            self._strips = frame.strips()
        else:
            for y, strip in zip(rows, frame.strips(rows), strict=True):
                self._strips[y] = strip
        return rows

    def update(self) -> None:
        """Draw again, and send only the rows that changed."""
        rows = self._renew()
        if rows is None:
            self.refresh()
        elif rows:
            # Textual does not compare cells: a whole refresh would send the whole pane again.
            self.refresh(*(Region(0, y, self.size.width, 1) for y in rows))

    def render_line(self, y: int) -> Strip:
        """Return one row of the pane."""
        if self._drawn != self._state():
            # At another size Textual asks for every row; otherwise it may keep old ones of its own.
            all_asked = self._drawn is None or self._drawn[0] != self.size
            if self._renew() != [] and not all_asked:
                self.call_later(self.refresh)
        if 0 <= y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.palette().base)


def message(frame: Frame, palette: Palette, text: str) -> None:
    """Write a sentence in the middle of the frame, wrapped."""
    width = max(1, frame.width - 2)
    lines = [
        line
        for paragraph in text.split("\n")
        for line in wrap(paragraph, width, break_long_words=False, break_on_hyphens=False)
    ]
    top = max(0, (frame.height - len(lines)) // 2)
    for k, line in enumerate(lines):
        frame.put(max(0, (frame.width - len(line)) // 2), top + k, line, palette.faint(0.75))


def waiting(live: LiveRun | None, nothing: str) -> str:
    """Return the sentence of a pane that has nothing to draw yet; `nothing` is for an active or ended run."""
    if live is None:
        return "No run selected.\nSelect one in the queue with j and k, or press n to launch one."
    progress = live.progress
    how = {
        "queued": "is waiting in the queue", "failed": "failed", "cancelled": "was cancelled",
        "paused": "is paused",
    }.get(progress.state)  # fmt: skip
    if how is not None:
        reason = progress.reason if progress.reason.rstrip(".").lower() != progress.state else ""
        return f"{live.label} {how}.\n{reason}".strip()
    if not progress.over and progress.phase not in ("training", "evaluating", "done"):
        return f"{progress.phase or 'starting'}…"
    return nothing
