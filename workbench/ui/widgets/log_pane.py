"""The end of a worker's log, followed as it grows."""

from __future__ import annotations

from typing import Any

from workbench.ui.widgets.text_pane import Line, TextPane


class LogPane(TextPane):
    """Follows the end until the user scrolls up, and again from when they return to the end."""

    TITLE = "log"
    NOTHING = "The worker has written nothing yet."
    MOST = 5000  # lines kept

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._follow = True

    def source(self) -> Any:
        live = self.live
        return live and (live.versions["log"], None if self.lines else live.version)

    def read(self) -> list[Line]:
        lines = self.live.log_lines(self.MOST) if self.live is not None else []
        return [((line, "warn" if _grave(line) else "text"),) for line in lines]

    def reset(self) -> None:
        self._follow = True

    def after_read(self) -> None:
        if self._follow:
            self.to_end()

    def on_resize(self) -> None:
        if self._follow:
            self.to_end()

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Scrolling up ends the following, scrolling to the end begins it again."""
        super().watch_scroll_y(old, new)
        self._follow = self.is_vertical_scroll_end

    def to_end(self) -> None:
        """Go to the end and follow it."""
        self.scroll_end(animate=False, immediate=True, x_axis=False)


def _grave(line: str) -> bool:
    """Whether a line is worth the eye: the end of a traceback, an error."""
    start = line.lstrip()[:60]
    return start.startswith(("Traceback", "Error", "error")) or "Error:" in start or "diverged" in start
