"""All keys, written from the table of actions: this screen's first, then those of the others."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from workbench.ui.actions import EVERYWHERE, PLACES, actions_of, bindings
from workbench.ui.formatting import SIGNS
from workbench.ui.keys import shown_key
from workbench.ui.screens.page import Page


def help_text(where: str) -> Table:
    """Return the keys of `where`, of everywhere, and of the other screens."""
    order = [place for place in (where, EVERYWHERE, *PLACES) if place in PLACES and place != "help"]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for place in dict.fromkeys(order):
        actions = actions_of(place, alone=True)
        table.add_row(Text(PLACES[place], style="bold underline"))
        for group in dict.fromkeys(action.group for action in actions):
            if group != PLACES[place]:
                table.add_row(Text(f" {group}", style="bold"))
            for action in actions:
                if action.group == group:
                    keys = " ".join(shown_key(key) for key in action.keys)
                    table.add_row(Text(f"  {keys}", style="bold"), Text(action.help))
        table.add_row()
    table.add_row(Text("Signs", style="bold underline"))
    for state, (sign, _) in SIGNS.items():
        table.add_row(Text(f"  {sign}"), Text(state))
    return table


class HelpScreen(Page):
    """The keys, to be read and scrolled."""

    NAME = "help"
    PLACE = "Help"
    BINDINGS = bindings("help")

    def __init__(self, where: str) -> None:
        """`where` is the screen from which help was opened."""
        super().__init__()
        self.text = VerticalScroll(Static(help_text(where), markup=False), id="keys", can_focus=False)

    def body(self) -> Iterable[Widget]:
        yield self.text

    def scroller(self) -> Widget:
        return self.text
