"""A choice of several in an order: the columns of Results, the metrics or rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from workbench.ui.actions import bindings
from workbench.ui.screens.page import Page
from workbench.ui.widgets.grid import Grid, GridCell, GridColumn

Choice = tuple[str, str]  # key and label of a column


class ColumnList(Grid):
    """The chosen ones in their order, then the others; a box shows which are which."""

    HEADED = False

    def __init__(self, shown: Sequence[str], known: Sequence[Choice]) -> None:
        super().__init__(id="columns")
        self.labels = dict(known)
        self.shown = [key for key in shown if key in self.labels]
        self.order = [*self.shown, *(key for key in self.labels if key not in self.shown)]
        self.listed: list[str] = []  # those that the filter lets through
        self.filter("")

    def filter(self, text: str) -> None:
        """List what has the letters of a text in their order, the closest matches first."""
        found = [(miss, place, key) for place, key in enumerate(self.order)
                 if (miss := fuzzy(text, f"{self.labels[key]} {key}")) is not None]  # fmt: skip
        self.listed = [key for _, _, key in (sorted(found) if text.strip() else found)]
        self.cursor = 0
        self.reshape([GridColumn("box", (), 1), GridColumn("label", (), 60)], len(self.listed))

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return the box of an entry, and its name."""
        key = self.listed[row]
        label = self.labels[key] if self.labels[key] == key else f"{self.labels[key]}  ({key})"
        chosen = key in self.shown
        return GridCell("▣" if chosen else "▢", "good" if chosen else ""), GridCell(label)

    def toggle(self) -> None:
        """Choose the entry under the cursor or not, and go to the next one."""
        if self.listed:
            key = self.listed[self.cursor]
            self.shown = [name for name in self.order if (name in self.shown) != (name == key)]
            self.refresh()
            self.move(1)

    def shift(self, by: int) -> None:
        """Move the entry under the cursor among the others; not while a filter is on."""
        if self.listed != self.order:
            return
        there = max(0, min(self.cursor + by, len(self.order) - 1))
        self.order.insert(there, self.order.pop(self.cursor))
        self.listed = list(self.order)
        self.shown = [name for name in self.order if name in self.shown]
        self.refresh()
        self.move_to(there)


def fuzzy(text: str, name: str) -> int | None:
    """Return how many letters of `name` lie between those of `text`, taken in order; None if some lack."""
    place, gaps, low = -1, 0, name.lower()
    for letter in text.lower().replace(" ", ""):
        there = low.find(letter, place + 1)
        if there < 0:
            return None
        gaps += (there - place - 1) if place >= 0 else 0
        place = there
    return gaps


class ColumnsScreen(Page):
    """`taken` gets the keys of the columns when the screen is left, None for those of a new start."""

    NAME = "columns"
    PLACE = "Columns"
    BINDINGS = bindings("columns")

    def __init__(
        self,
        shown: Sequence[str],
        known: Sequence[Choice],
        taken: Callable[[list[str] | None], None],
        title: str = "Columns of Results; state and name are always shown.",
    ) -> None:
        super().__init__()
        self.heading = title
        self.grid = ColumnList(shown, known)
        self.taken = taken
        self.before = list(self.grid.shown)
        self.filter = Input(placeholder="letters of a name, in their order", id="filter")

    def body(self) -> Iterable[Widget]:
        yield Horizontal(Label("/"), self.filter, classes="ask")
        yield Static(self.heading, id="title", markup=False)
        yield self.grid

    def begin(self) -> None:
        self.set_focus(self.grid)

    def scroller(self) -> Widget:
        return self.grid

    def on_input_changed(self, message: Input.Changed) -> None:
        self.grid.filter(message.value)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Choose the best match, and be ready for the next one."""
        self.grid.toggle()
        self.filter.value = ""

    def action_filter(self) -> None:
        self.set_focus(self.filter)

    def action_switch(self) -> None:
        self.grid.toggle()

    def action_shift(self, by: int) -> None:
        self.grid.shift(by)

    def action_reset(self) -> None:
        self.app.pop_screen()
        self.taken(None)

    def action_back(self) -> None:
        """Leave the filter, or apply the choice and go back."""
        if self.focused is self.filter:
            self.filter.value = ""
            self.set_focus(self.grid)
            return
        super().action_back()
        if self.grid.shown != self.before:
            self.taken(self.grid.shown)
