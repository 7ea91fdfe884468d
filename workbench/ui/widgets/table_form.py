"""The keys of a table's layout as a list: what each is now, and the choices it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from workbench.ui.formatting import line
from workbench.ui.labels import squeezed
from workbench.ui.table_draft import text_of
from workbench.ui.widgets.grid import Grid, GridCell, GridColumn

if TYPE_CHECKING:
    from workbench.ui.table_draft import TableDraft

# Key of the layout: how it is called, and what an empty one means.
KEYS: dict[str, tuple[str, str]] = {
    "rows": ("rows", "one per group of seeds"),
    "metrics": ("metrics", "the usual ones"),
    "columns": ("pivot", "none"),
    "baseline": ("baseline", "none"),
    "sort": ("sort", "as the runs come"),
    "spread": ("spread", "std"),
    "digits": ("digits", "as the spread leaves"),
    "filter": ("filter", "all these runs"),
    "caption": ("caption", "none"),
    "label": ("label", "none"),
}
REPORTED = "reported"


class TableForm(Grid):
    """One key a line; the choices of a key are stepped through by space."""

    HEADED = False

    draft: TableDraft | None = None
    choices: Mapping[str, Sequence[str]] = MappingProxyType({})

    def show_draft(self, draft: TableDraft) -> None:
        """Show the layout of a draft."""
        self.draft = draft
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        width = max(8, self.size.width - 16)
        self.reshape([GridColumn("key", (), 9), GridColumn("value", (), width)], len(KEYS) + 1)

    @property
    def key(self) -> str:
        """The key under the cursor."""
        return [*KEYS, REPORTED][self.cursor]

    def next_choice(self, key: str) -> str | None:
        """Return the choice after the present one, None if the key has no choices."""
        if self.draft is None or key not in self.choices:
            return None
        found, now = list(self.choices[key]), text_of(self.draft.layout, key)
        return found[(found.index(now) + 1) % len(found)] if now in found else found[0]

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return the name of a key and its value."""
        draft = self.draft
        if draft is None:
            return GridCell(""), GridCell("")
        if row == len(KEYS):
            values = ", ".join(f"{value.metric} {value.text}" for value in draft.published.values)
            text, empty = values, "add with a on the table"
            name = REPORTED
        else:
            key = list(KEYS)[row]
            name, empty = KEYS[key]
            text = text_of(draft.layout, key)
        shown = squeezed(line(text), self.columns[1].width) if text else empty
        return GridCell(name, "faint"), GridCell(shown, "" if text else "faint")
