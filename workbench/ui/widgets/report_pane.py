"""What was measured on a run: final metrics, the health of each seed, and evaluations made later."""

from __future__ import annotations

from workbench.ui.formatting import line
from workbench.ui.widgets.text_pane import Line, TextPane


class ReportPane(TextPane):
    """A line per metric: mean ± std, unit, seeds and sample size; then evaluations, each under its name."""

    HELP = "Show final metrics, health and evaluations."
    WATCHES = "report"
    WRAPS = True
    NOTHING = "No results yet: final metrics are computed when training ends."

    def read(self) -> list[Line]:
        """Return the lines of the report; reasons for doubt and the names of evaluations are marked."""
        lines: list[Line] = []
        before = "-"
        for text in map(line, self.live.report_lines() if self.live is not None else ()):
            style = "warn" if text.startswith("Seed ") else "text" if before else "bold"
            lines += self.wrapped(text, style)
            before = text
        return lines
