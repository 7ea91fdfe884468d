"""The queue: a list with two lines for each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events

from workbench.spec.health import worst
from workbench.text import plural
from workbench.ui.formatting import (
    aside,
    bar,
    clock,
    fit,
    line,
    queue_order,
    share,
    shortened,
    state_sign,
    state_style,
)
from workbench.ui.labels import labels_of
from workbench.ui.widgets.grid import Grid

if TYPE_CHECKING:
    from workbench.api.runs import RunRow

SHOWN = 500  # ended runs beyond this are in Results


class RunList(Grid):
    """Runs in the order of the queue. The cursor stays on its run when the order changes."""

    ROW_LINES = 2

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.rows: list[RunRow] = []
        self.following = True  # the run at work, until the user moves the cursor
        self.countdowns: dict[str, int] = {}  # runs about to be cancelled, seconds left
        self._labels: tuple[int, list[str]] = (0, [])  # for which width, and by row

    @property
    def row(self) -> RunRow | None:
        """The run under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    @property
    def chosen(self) -> str | None:
        """Its id."""
        return self.row.id if self.row is not None else None

    def update_rows(self, rows: list[RunRow]) -> None:
        """Take the newest rows; draw again only what differs. A deleted run's neighbour is next."""
        before, chosen = self.rows, self.chosen
        self.rows = queue_order(rows)[:SHOWN]
        ids = [row.id for row in self.rows]
        if self.following and self.rows and self.rows[0].active:
            self.cursor = 0
        elif chosen in ids and not self._just_cancelled(before, chosen):
            self.cursor = ids.index(chosen)
        if ids != [row.id for row in before]:
            self._labels = 0, []
            self.reshape((), len(ids))
            self.scroll_to_cursor()
        else:
            for k, (old, new) in enumerate(zip(before, self.rows, strict=True)):
                if old is not new and old != new:
                    self.refresh_row(k)
        if self.chosen != chosen:
            self.refresh()
            self.post_message(self.Moved(self, self.cursor))

    def _just_cancelled(self, before: list[RunRow], chosen: str | None) -> bool:
        """Whether the run under the cursor was cancelled: it moves down, and the cursor keeps its place."""
        old = next((row for row in before if row.id == chosen), None)
        new = next((row for row in self.rows if row.id == chosen), None)
        return old is not None and new is not None and old.live and new.state == "cancelled"

    def label(self, row: int) -> str:
        """Return what distinguishes a run from the others, as far as the width allows."""
        width = max(4, self.size.width - 4)
        if self._labels[0] != width:
            self._labels = width, labels_of(self.rows, width)
        return self._labels[1][row]

    def choose(self, run_id: str) -> None:
        """Put the cursor on a run."""
        self.move_to([row.id for row in self.rows].index(run_id))

    def move_to(self, row: int) -> None:
        """Put the cursor on a row, and stop following the run at work."""
        self.following = False
        super().move_to(row)

    def count_down(self, countdowns: dict[str, int]) -> None:
        """Show how many seconds are left before each of these runs is cancelled."""
        before, self.countdowns = self.countdowns, dict(countdowns)
        for k, row in enumerate(self.rows):
            if before.get(row.id) != countdowns.get(row.id):
                self.refresh_row(k)

    def on_resize(self, event: events.Resize) -> None:
        self.scroll_to_cursor()

    def row_line(self, row: int, part: int, cursor: str, base: Style) -> list[Segment]:
        """Return a run's sign, name and seeds; below them its progress, or why it is in its state."""
        run, width = self.rows[row], self.size.width
        # the colour of a component on the background of the row
        on = {
            name: base + Style(color=self.get_component_rich_style(f"grid--{name}").color)
            for name in ("good", "bad", "waiting", "running", "faint")
        }
        label, seeds = self.label(row), plural(len(run.seeds), "seed")
        room = width - 5 - cell_len(label) - len(seeds)
        if part == 0:
            return [
                Segment(cursor, base),
                Segment(state_sign(run) + " ", on[state_style(run) or "waiting"]),
                Segment(label, base + Style(bold=row == self.cursor or None)),
                Segment(" " * (room + 1) + seeds if room >= 0 else "", on["faint"]),
            ]
        if run.id in self.countdowns:
            return [Segment(f"   cancel in {self.countdowns[run.id]} s · u keeps", on["bad"])]
        done = share(run)
        if run.state != "running" or done is None or run.phase not in ("training", "evaluating"):
            words = aside(run)
            if worst(run.health) in ("", "healthy"):  # else the verdict takes the place of the state
                words = " · ".join(text for text in (run.state, seeds if room < 0 else "", words) if text)
            return [Segment("   " + fit(shortened(words, width - 4), max(0, width - 4)), on["faint"])]
        left = "evaluating" if run.phase == "evaluating" else clock(run.eta)
        tail = f" {done:4.0%} {left} {line(run.device, 12)}".rstrip()
        full, open_part = bar(done, max(3, width - 4 - len(tail)))
        return [Segment("   ", base), Segment(full, on["running"]), Segment(open_part + tail, on["faint"])]
