"""All keys, written from the table of actions: this screen's first, then those of the others."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from workbench.ui.actions import ACTIONS, EVERYWHERE, bindings, shown_key
from workbench.ui.formatting import SIGNS
from workbench.ui.screens.page import Page

PLACES = {
    "bench": "Bench", "launch": "Launch", "results": "Results", "compare": "Compare", "table": "Table",
    "help": "Help", EVERYWHERE: "Everywhere",
}  # fmt: skip


def help_text(where: str) -> Table:
    """Return the keys of `where`, of everywhere, and of the other screens."""
    order = [place for place in (where, EVERYWHERE, *PLACES) if place in PLACES and place != "help"]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for place in dict.fromkeys(order):
        actions = [action for action in ACTIONS if place in action.where]
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


def key_map() -> str:
    """Return all keys as Markdown tables, for docs/screens.md."""
    parts = []
    for place, title in PLACES.items():
        parts.append(f"### {title}\n\n| keys | action | what it does |\n|---|---|---|")
        for action in (action for action in ACTIONS if place in action.where):
            keys = " ".join(f"`{shown_key(key)}`" for key in action.keys)
            parts.append(f"| {keys} | {action.label} | {action.help} |")
        parts.append("")
    return "\n".join(parts)


class HelpScreen(Page):
    """The keys, to be read and scrolled."""

    NAME = "help"
    PLACE = "Help"
    BINDINGS = bindings("help")

    def __init__(self, where: str) -> None:
        """`where` is the screen that asked."""
        super().__init__()
        self.where = where

    def body(self) -> Iterable[Widget]:
        yield VerticalScroll(Static(help_text(self.where), markup=False), id="keys", can_focus=False)

    @property
    def keys(self) -> VerticalScroll:
        return self.query_one("#keys", VerticalScroll)

    def action_move(self, by: int) -> None:
        self.keys.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        self.keys.scroll_relative(y=by * max(1, self.keys.size.height - 1), animate=False)

    def action_top(self) -> None:
        self.keys.scroll_home(animate=False)

    def action_bottom(self) -> None:
        self.keys.scroll_end(animate=False)
