"""The run under the cursor of Results: what it is, its curves and its results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Static

from workbench.text import ago, format_bytes
from workbench.ui.formatting import line
from workbench.ui.results_rows import created_text
from workbench.ui.widgets.chrome import RunHeader
from workbench.ui.widgets.pane_deck import load_pane

if TYPE_CHECKING:
    from workbench.api.live import LiveRun
    from workbench.api.runs import RunRow
    from workbench.ui.widgets.pane import LivePane

DAY = 86_400.0
SHOWN = ("curves", "report")  # panes of the Bench


def load_panes() -> dict[str, type[LivePane]]:
    """Import the classes of the panes: call it in a thread."""
    return {name: load_pane(name) for name in SHOWN}


class Preview(Vertical):
    """Header, facts and two panes; beside the list where it is wide, else below it."""

    def __init__(self) -> None:
        super().__init__(id="preview")
        self.header = RunHeader()
        self.facts = Static("", id="facts", markup=False)
        self.both = Container(id="previews")
        self.panes: list[LivePane] = []
        self.live: LiveRun | None = None

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.facts
        yield self.both

    def fill(self, kinds: dict[str, type[LivePane]]) -> None:
        """Mount the panes."""
        self.panes = [kind(id=f"preview-{name}") for name, kind in kinds.items()]
        self.both.mount_all(self.panes)
        for pane, name in zip(self.panes, kinds, strict=True):
            pane.border_title = name
            pane.can_focus = False
        self.show(self.live)

    def show_rows(self, rows: Sequence[RunRow], size: int) -> None:
        """Show a run, or the newest of a group, in the lines above the panes. `size` is in bytes."""
        self.header.run_row = rows[0] if rows else None
        if not rows:
            self.facts.update("")
            return
        row = rows[0]
        parts = [
            f"newest of {len(rows)} runs" if len(rows) > 1 else "",
            ago(row.created) if time.time() - row.created < DAY else created_text(row.created),
            format_bytes(size) if size else "",
            line(" ".join(f"#{tag}" for tag in row.tags), 60),
            line(row.note, 300),
        ]
        self.facts.update(" · ".join(part for part in parts if part))

    def show(self, live: LiveRun | None) -> None:
        """Show a run in the panes, or only its news if it is shown already."""
        self.live = live
        for pane in self.panes:
            pane.follow(live)
