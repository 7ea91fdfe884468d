"""Results: all runs of the store, to filter, sort, group, compare, export and delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label

from workbench import api
from workbench.text import plural
from workbench.ui.actions import bindings
from workbench.ui.formatting import line
from workbench.ui.screens.page import Tabulates
from workbench.ui.widgets.run_table import RunTable

if TYPE_CHECKING:
    from workbench.api.tables import Table

MOST_CURVES = 12  # more lines cannot be distinguished


class ResultsScreen(Tabulates):
    """The list, a filter above it, and below it the field for a note while one is written."""

    NAME = "results"
    PLACE = "Results"
    BINDINGS = bindings("results")

    def __init__(self) -> None:
        super().__init__()
        self.grid: RunTable = RunTable(id="runs")
        self.filter = Input(
            placeholder="model:vae,lae lr<1e-3 test_mse<0.03 created<2d (tag:a or word) -word", id="filter"
        )
        self.note = Input(id="note")
        self.ask = Horizontal(Label("note"), self.note, classes="ask hidden", id="ask")
        self.deleted: list[str] = []  # tokens of restore_runs

    def body(self) -> Iterable[Widget]:
        yield Horizontal(Label("/"), self.filter, classes="ask")
        yield self.grid
        yield self.ask

    def begin(self) -> None:
        self.set_focus(self.grid)
        self.runs_changed()
        store = self.bench.store  # in a thread: the first time every folder is read
        self.in_thread(lambda: api.disk.usage(store), self.grid.update_sizes, group="disk")

    def on_screen_resume(self) -> None:
        self.bench.feed.watch([])

    def runs_changed(self) -> None:
        super().runs_changed()
        self.grid.update_rows(self.bench.rows or [])
        self._count()

    def _count(self) -> None:
        """Show in the top line how many runs are listed and marked."""
        runs, marked = self.grid, len(self.grid.marked)
        shown = sum(len(entry.rows) for entry in runs.entries) if runs.grouped else len(runs.entries)
        grouped = ", in groups" if runs.grouped else ""
        more = f", {marked} marked" if marked else ""
        self.top.place = f"Results  {shown:,} of {plural(len(runs.rows), 'run')}{grouped}{more}"

    # the filter and the note

    def on_input_changed(self, message: Input.Changed) -> None:
        if message.input is self.filter:  # the list stays as it is while the filter is invalid
            store, rows, text = self.bench.store, self.grid.rows, message.value
            # in a thread: the first filter by a setting reads it from every run
            self.in_thread(
                lambda: api.runs.compiled_filter(store, rows, text), self._filter_by, group="filter"
            )

    def _filter_by(self, wanted: api.runs.Query) -> None:
        self.grid.filter(wanted)
        self.show_message("")
        self._count()

    def action_filter(self) -> None:
        self.set_focus(self.filter)

    def action_annotate(self) -> None:
        entry = self.grid.entry
        if entry is None:
            self.show_message("No run selected.", "trouble")
            return
        self.ask.remove_class("hidden")
        tags = (f"#{line(tag, 60)}" for tag in entry.row.tags)
        self.note.value = " ".join([line(entry.row.note, 2000), *tags]).strip()
        self.set_focus(self.note)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Save the note: words that begin with # are its tags."""
        entry = self.grid.entry
        if message.input is self.note and entry is not None:
            words = message.value.split()
            marked = [word for word in words if word.startswith("#") and len(word) > 1]
            note = " ".join(word for word in words if word not in marked)
            run_id, tags = entry.row.id, [word[1:] for word in marked]
            self._change(
                lambda: api.runs.annotate(self.bench.store, run_id, note=note, tags=tags),
                lambda _: "The note is saved.",
            )
        self._close()

    def _close(self) -> None:
        """Leave the fields for the list."""
        self.ask.add_class("hidden")
        self.set_focus(self.grid)

    def action_back(self) -> None:
        """Go from a field to the list, or from the list to the previous screen."""
        if self.focused is not self.grid or not self.ask.has_class("hidden"):
            self._close()
        else:
            super().action_back()

    # the list

    def action_move(self, by: int, unit: str = "row") -> None:
        self.set_focus(self.grid)
        super().action_move(by, unit)

    def action_sort(self) -> None:
        self.show_message(f"Sorted by {self.grid.sort_by_column()}.")

    def action_group(self) -> None:
        self.grid.grouped = not self.grid.grouped
        self.grid.rebuild()
        self._count()
        how = "One row for runs that differ only in their seeds." if self.grid.grouped else "One row per run."
        self.show_message(how)

    def action_mark(self) -> None:
        self.grid.toggle_mark()
        self._count()

    def action_unmark(self) -> None:
        self.grid.marked = set()
        self.grid.refresh()
        self._count()

    # actions on runs

    def action_compare(self) -> None:
        ids = self.grid.chosen_ids()
        if len(ids) < 2:
            self.show_message("Cannot compare: mark at least two runs with space.", "trouble")
        elif len(ids) > MOST_CURVES:
            self.show_message(
                f"Cannot compare {len(ids)} runs: at most {MOST_CURVES} curves fit. M clears the marks.",
                "trouble",
            )
        else:
            self.bench.open_screen("compare", ids)

    def table_maker(self) -> tuple[str, Callable[[], Table]] | None:
        """Return a name and the function that makes the table of the marked runs, or of all listed ones."""
        listed = [row for entry in self.grid.entries for row in entry.rows]
        rows = [row for row in self.grid.rows if row.id in self.grid.marked] if self.grid.marked else listed
        if not listed:
            self.show_message("No run selected.", "trouble")
            return None
        title = f"Comparison of {plural(len(rows), 'run')}"
        return "comparison", lambda: api.tables.comparison(self.bench.store, rows, title=title)

    def _change(self, work: Callable[[], object], sentence: Callable[..., str]) -> None:
        """Change runs in a thread, then show the sentence made from the result, and look at the store."""

        def changed(result: object) -> None:
            self.show_message(sentence(result), "good")
            self.bench.feed.hurry()

        self.in_thread(work, changed)

    def action_delete(self) -> None:
        ids = self.grid.chosen_ids()
        if not ids:
            self.show_message("No run selected.", "trouble")
            return

        def deleted(token: str) -> str:
            self.deleted.append(token)
            self.action_unmark()
            return f"Deleted {plural(len(ids), 'run')}; u restores them."

        self._change(lambda: api.runs.remove_runs(self.bench.store, ids), deleted)

    def action_restore(self) -> None:
        if not self.deleted:
            self.show_message("Nothing to restore: no run was deleted since Results was opened.")
            return
        token = self.deleted.pop()
        self._change(
            lambda: api.runs.restore_runs(self.bench.store, token),
            lambda ids: f"Restored {plural(len(ids), 'run')}.",
        )
