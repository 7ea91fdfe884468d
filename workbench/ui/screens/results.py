"""Results: all runs of the store, to be filtered, sorted, grouped, compared, exported and tidied up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label

from workbench.errors import WorkbenchError
from workbench.ui.actions import bindings
from workbench.ui.exports import export_everywhere, told_paths
from workbench.ui.formatting import line, plural
from workbench.ui.screens.page import Page
from workbench.ui.widgets.chrome import TopBar
from workbench.ui.widgets.run_table import RunTable

MOST_CURVES = 12  # more lines than that cannot be told apart


class ResultsScreen(Page):
    """The list, a filter above it, and a line for a note below it when one is written."""

    NAME = "results"
    PLACE = "Results"
    BINDINGS = bindings("results")

    def __init__(self) -> None:
        super().__init__()
        self.undo: list[tuple[str, int]] = []  # what restore_runs takes, and how many runs it brings back

    def body(self) -> Iterable[Widget]:
        yield Horizontal(
            Label("/"),
            Input(placeholder="state:finished model:vae,lae test_mse<0.03 tag:best word -word", id="filter"),
            classes="ask",
        )
        yield RunTable(id="runs")
        yield Horizontal(Label("note"), Input(id="note"), classes="ask hidden", id="ask")

    @property
    def runs(self) -> RunTable:
        return self.query_one(RunTable)

    def begin(self) -> None:
        self.set_focus(self.runs)
        self.runs_changed()

    def on_screen_resume(self) -> None:
        self.bench.watch_runs([])

    def runs_changed(self) -> None:
        super().runs_changed()
        self.runs.update_rows(self.bench.rows or [])
        self._count()

    def _count(self) -> None:
        runs, marked = self.runs, len(self.runs.marked)
        shown = sum(len(entry.rows) for entry in runs.entries) if runs.grouped else len(runs.entries)
        words = f"{shown:,} of {plural(len(runs.rows), 'run')}"
        words += (", in groups" if runs.grouped else "") + (f", {marked} marked" if marked else "")
        self.query_one(TopBar).place = f"Results  {words}"

    # the filter

    def on_input_changed(self, message: Input.Changed) -> None:
        if message.input.id == "filter":
            try:
                self.runs.filter(message.value)
            except WorkbenchError as error:  # the list stays as it is while the line makes no sense
                self.say(str(error), "trouble")
                return
            self.say("")
            self._count()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        if message.input.id == "note":
            self._write_note(message.value)
        self._close_note()
        self.set_focus(self.runs)

    def action_filter(self) -> None:
        self.set_focus(self.query_one("#filter", Input))

    def action_back(self) -> None:
        if not self.query_one("#ask").has_class("hidden"):
            self._close_note()
            self.set_focus(self.runs)
        elif self.focused is not self.runs:
            self.set_focus(self.runs)
        else:
            super().action_back()

    # the list

    def action_move(self, by: int) -> None:
        self.set_focus(self.runs)
        self.runs.move(by)

    def action_page(self, by: int) -> None:
        self.runs.move(by * self.runs.page)

    def action_top(self) -> None:
        self.runs.move_to(0)

    def action_bottom(self) -> None:
        self.runs.move_to(self.runs.count - 1)

    def action_column(self, by: int) -> None:
        self.runs.choose_column(max(0, self.runs.column + by))

    def action_sort(self) -> None:
        self.say(f"Sorted by {self.runs.sort_by_column()}.")

    def action_group(self) -> None:
        self.runs.grouped = not self.runs.grouped
        self.runs.rebuild()
        self._count()
        self.say(
            "One line for runs that differ only in their seeds." if self.runs.grouped else "One line a run."
        )

    def action_mark(self) -> None:
        self.runs.toggle_mark()
        self._count()

    def action_unmark(self) -> None:
        self.runs.marked = set()
        self.runs.refresh()
        self._count()

    # what is done with runs

    def action_compare(self) -> None:
        ids = self.runs.chosen_ids()
        if len(ids) < 2:
            self.say("Mark two runs or more with space, then c compares them.", "trouble")
        elif len(ids) > MOST_CURVES:
            self.say(
                f"{len(ids)} runs are marked; at most {MOST_CURVES} curves can be told apart. M unmarks all.",
                "trouble",
            )
        else:
            self.bench.open_compare(ids)

    def _table(self) -> tuple[str, Callable[[], Any]]:
        """The marked runs, or all that are listed."""
        listed = [row for entry in self.runs.entries for row in entry.rows]
        rows = [row for row in self.runs.rows if row.id in self.runs.marked] if self.runs.marked else listed

        def make() -> Any:
            from workbench.api.tables import comparison

            return comparison(self.bench.store, rows, title=f"Comparison of {plural(len(rows), 'run')}")

        return "comparison", make

    def action_table(self) -> None:
        if self.runs.entries:
            self.bench.open_table(self._table())
        else:
            self.say("No run is listed.", "trouble")

    def action_export(self) -> None:
        if not self.runs.entries:
            self.say("No run is listed.", "trouble")
            return
        name, make = self._table()
        self.in_thread(
            lambda: export_everywhere(make(), Path.cwd(), name),
            lambda paths: self.say(told_paths(paths), "good"),
        )

    def action_delete(self) -> None:
        ids = self.runs.chosen_ids()
        if not ids:
            self.say("No run is listed.", "trouble")
            return

        def remove() -> str:
            from workbench.api.runs import remove_runs

            return remove_runs(self.bench.store, ids)

        def removed(token: str) -> None:
            self.undo.append((token, len(ids)))
            self.runs.marked = set()
            self.say(f"Deleted {plural(len(ids), 'run')}; u brings back what was deleted last.")
            self.bench.feed.hurry()

        self.in_thread(remove, removed)

    def action_restore(self) -> None:
        if not self.undo:
            self.say("Nothing was deleted here since Results was opened.")
            return
        token, _ = self.undo.pop()

        def restore() -> list[str]:
            from workbench.api.runs import restore_runs

            return restore_runs(self.bench.store, token)

        def restored(ids: list[str]) -> None:
            self.say(f"{plural(len(ids), 'run')} {'is' if len(ids) == 1 else 'are'} back.", "good")
            self.bench.feed.hurry()

        self.in_thread(restore, restored)

    # notes

    def action_annotate(self) -> None:
        entry = self.runs.entry
        if entry is None:
            self.say("No run is listed.", "trouble")
            return
        self.query_one("#ask").remove_class("hidden")
        box = self.query_one("#note", Input)
        box.value = " ".join(
            [line(entry.row.note, 2000), *(f"#{line(tag, 60)}" for tag in entry.row.tags)]
        ).strip()
        self.set_focus(box)

    def _close_note(self) -> None:
        self.query_one("#ask").add_class("hidden")

    def _write_note(self, text: str) -> None:
        entry = self.runs.entry
        if entry is None:
            return
        words = text.split()
        tags = [word[1:] for word in words if word.startswith("#") and len(word) > 1]
        note = " ".join(word for word in words if not (word.startswith("#") and len(word) > 1))
        run_id = entry.row.id

        def write() -> None:
            from workbench.api.runs import annotate

            annotate(self.bench.store, run_id, note=note, tags=tags)

        def written(_: None) -> None:
            self.say("The note is saved.", "good")
            self.bench.feed.hurry()

        self.in_thread(write, written)
