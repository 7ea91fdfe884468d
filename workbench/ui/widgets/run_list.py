"""The queue: two lines for each run, drawn line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.ui.formatting import SIGNS, aside, bar, clock, fit, line, plural, queue_order, share, shortened
from workbench.ui.widgets.grid import FOCUSED, UNFOCUSED

if TYPE_CHECKING:
    from workbench.api.runs import RunRow

LINES = 2  # a run takes
SHOWN = 500  # runs that are over beyond this are in Results


class RunList(ScrollView, can_focus=True, inherit_bindings=False):
    """Runs in the order of the queue. The cursor stays on its run when the order changes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run--cursor", "run--good", "run--bad", "run--waiting", "run--running", "run--faint",
    }  # fmt: skip

    class Chosen(Message):
        """The cursor is on another run (None: there is none)."""

        def __init__(self, run_id: str | None) -> None:
            super().__init__()
            self.run_id = run_id

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunList.Chosen)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.rows: list[RunRow] = []
        self.chosen: str | None = None
        self.following = True  # the run at work, until the user chooses one
        self.countdowns: dict[str, int] = {}  # runs about to be cancelled, seconds left

    @property
    def cursor(self) -> int:
        """The place of the chosen run, 0 where there is none."""
        return next((k for k, row in enumerate(self.rows) if row.id == self.chosen), 0)

    @property
    def row(self) -> RunRow | None:
        """The chosen run."""
        return next((row for row in self.rows if row.id == self.chosen), None)

    def update_rows(self, rows: list[RunRow]) -> None:
        """Take the newest rows; draw again only what differs."""
        before, place = self.rows, self.cursor
        self.rows = queue_order(rows)[:SHOWN]
        ids = [row.id for row in self.rows]
        if ids != [row.id for row in before]:
            self.virtual_size = Size(self.size.width, len(ids) * LINES)
            self.refresh()
        else:
            for k, (old, new) in enumerate(zip(before, self.rows, strict=True)):
                if old is not new and old != new:
                    self._refresh_row(k)
        if self.following and self.rows and self.rows[0].active:
            self.choose(self.rows[0].id)
        elif self.chosen not in ids:  # it was deleted: its neighbour is next
            self.choose(ids[min(place, len(ids) - 1)] if ids else None)
        elif before and self.cursor != place:
            self._show()

    def choose(self, run_id: str | None) -> None:
        """Put the cursor on a run."""
        if run_id != self.chosen:
            self._refresh_row(self.cursor)
            self.chosen = run_id
            self._refresh_row(self.cursor)
            self.post_message(self.Chosen(run_id))
        self._show()

    def move(self, by: int) -> None:
        """Move the cursor by some runs, and stop following the one at work."""
        if self.rows:
            self.following = False
            self.choose(self.rows[max(0, min(self.cursor + by, len(self.rows) - 1))].id)

    @property
    def page(self) -> int:
        """Runs that fit on the screen."""
        return max(1, self.size.height // LINES)

    def count_down(self, countdowns: dict[str, int]) -> None:
        """Show how many seconds are left before each of these runs is cancelled."""
        changed = set(countdowns) ^ set(self.countdowns) | {
            key for key, left in countdowns.items() if self.countdowns.get(key) != left
        }
        self.countdowns = dict(countdowns)
        for k, row in enumerate(self.rows):
            if row.id in changed:
                self._refresh_row(k)

    def _refresh_row(self, k: int) -> None:
        y = k * LINES - self.scroll_offset.y
        if -LINES < y < self.size.height:
            self.refresh(Region(0, max(0, y), self.size.width, LINES))

    def _show(self) -> None:
        top, y = self.scroll_offset.y, self.cursor * LINES
        if y < top:
            self.scroll_to(y=y, animate=False)
        elif y + LINES > top + self.size.height > 0:
            self.scroll_to(y=y + LINES - self.size.height, animate=False)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows) * LINES)
        self._show()

    def on_click(self, event: events.Click) -> None:
        k = (event.y + self.scroll_offset.y) // LINES
        if 0 <= k < len(self.rows):
            self.following = False
            self.choose(self.rows[k].id)

    def render_line(self, y: int) -> Strip:
        """Return one of the two lines of a run."""
        k, part = divmod(y + self.scroll_offset.y, LINES)
        width = self.size.width
        if not 0 <= k < len(self.rows) or width < 1:
            return Strip.blank(width, self.rich_style)
        row = self.rows[k]
        chosen = row.id == self.chosen
        base = self.get_component_rich_style("run--cursor") if chosen else self.rich_style
        segments = self._first(row, width, base, chosen) if part == 0 else self._second(row, width, base)
        return Strip(segments).crop_extend(0, width, base)

    def _on(self, base: Style, name: str) -> Style:
        """The colour of a component on the ground of the row."""
        return base + Style(color=self.get_component_rich_style(f"run--{name}").color)

    def _first(self, row: RunRow, width: int, base: Style, chosen: bool) -> list[Segment]:
        sign, style = SIGNS.get(row.state, ("?", "waiting"))
        seeds = plural(len(row.seeds), "seed")
        room = max(4, width - 4 - len(seeds) - 1)
        return [
            Segment((FOCUSED if self.has_focus else UNFOCUSED) if chosen else " ", base),
            Segment(sign + " ", self._on(base, style)),
            Segment(fit(line(row.name), room), base + Style(bold=chosen or None)),
            Segment(" " + seeds, self._on(base, "faint")),
        ]

    def _second(self, row: RunRow, width: int, base: Style) -> list[Segment]:
        faint = self._on(base, "faint")
        if row.id in self.countdowns:
            return [Segment(f"   cancel in {self.countdowns[row.id]} s · u keeps", self._on(base, "bad"))]
        part = share(row)
        if row.state != "running" or part is None or row.phase not in ("training", "evaluating"):
            words = " · ".join(text for text in (row.state, aside(row)) if text)
            return [Segment("   " + fit(shortened(words, width - 4), max(0, width - 4)), faint)]
        left = "evaluating" if row.phase == "evaluating" else clock(row.eta)
        tail = f" {part:4.0%} {left} {line(row.device, 12)}".rstrip()
        done, still = bar(part, max(3, width - 4 - len(tail)))
        return [
            Segment("   ", base),
            Segment(done, self._on(base, "running")),
            Segment(still + tail, faint),
        ]
