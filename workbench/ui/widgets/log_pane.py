"""The end of a worker's log, followed as it grows."""

from __future__ import annotations

from typing import Any

from workbench.ui.widgets.text_pane import Line, TextPane


class LogPane(TextPane):
    """Follows the end until the user scrolls up, and again from when they return to the end."""

    TITLE = "log"
    NOTHING = "The worker has written nothing yet."
    MOST = 5000  # lines kept

    def source(self) -> Any:
        live = self.live
        return live and (live.versions["log"], None if self.lines else live.version)

    def read(self) -> list[Line]:
        lines = self.live.log_lines(self.MOST) if self.live is not None else []
        return [((line, "warn" if _grave(line) else "text"),) for line in lines]

    def _take(self) -> None:
        self._follow = not self.lines or self.is_vertical_scroll_end
        super()._take()

    def after_read(self) -> None:
        if self._follow:
            self.scroll_end(animate=False, immediate=True, x_axis=False)

    def to_end(self) -> None:
        """Go to the end and follow it."""
        self.scroll_end(animate=False, immediate=True, x_axis=False)


def _grave(line: str) -> bool:
    """Whether a line is worth the eye: the end of a traceback, an error."""
    start = line.lstrip()[:60]
    return start.startswith(("Traceback", "Error", "error")) or "Error:" in start or "diverged" in start
