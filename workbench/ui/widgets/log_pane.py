"""The end of a worker's log, followed as it grows."""

from __future__ import annotations

from workbench.ui.widgets.text_pane import Line, TextPane


class LogPane(TextPane):
    """Follows the end until the user scrolls up, and again once they return to the end."""

    HELP = "Show the worker's log."
    WATCHES = "log"
    NOTHING = "The worker has not written anything yet."
    MOST = 5000  # lines kept
    WRAPS = True

    following = True

    def read(self) -> list[Line]:
        """Return the last lines, errors and ends of tracebacks marked."""
        lines: list[Line] = []
        for line in self.live.log_lines(self.MOST) if self.live is not None else ():
            start = line.lstrip()[:60]
            grave = (
                start.startswith(("Traceback", "Error", "error")) or "Error:" in start or "diverged" in start
            )
            lines += self.wrapped(line, "warn" if grave else "text")
        return lines

    def reset(self) -> None:
        self.lines = []
        self.following = True

    def update(self) -> None:
        super().update()
        if self.following:
            self.to_end()

    def on_resize(self) -> None:
        self.update()

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Scrolling up ends the following, scrolling to the end starts it again."""
        super().watch_scroll_y(old, new)
        self.following = self.is_vertical_scroll_end

    def to_end(self) -> None:
        """Go to the end and follow it."""
        self.scroll_end(animate=False, force=True, immediate=True, x_axis=False)
