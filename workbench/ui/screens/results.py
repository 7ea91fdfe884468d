"""Results: all runs of the store beside a preview, to filter, sort, group, compare, export and delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.containers import Container, Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label

from workbench import api
from workbench.text import format_bytes, plural
from workbench.ui.actions import bindings
from workbench.ui.formatting import line
from workbench.ui.memory import recall, remember
from workbench.ui.results_rows import known_columns
from workbench.ui.screens.page import Tabulates, short_list
from workbench.ui.table_draft import draft_of_rows
from workbench.ui.widgets.grid import Grid
from workbench.ui.widgets.preview import Preview, load_panes
from workbench.ui.widgets.run_table import RunTable

if TYPE_CHECKING:
    from workbench.ui.table_draft import TableDraft

BESIDE = 110  # columns from which the preview is beside the list
MOST_CURVES = 12  # more lines cannot be distinguished


class ResultsScreen(Tabulates):
    """The list, a filter above it, and below it the field for a note while one is written."""

    NAME = "results"
    PLACE = "Results"
    BINDINGS = bindings("results")

    def __init__(self, text: str = "") -> None:
        """`text` is the filter to begin with."""
        super().__init__()
        self.grid: RunTable = RunTable(id="runs")
        self.filter = Input(
            text,
            placeholder="model:vae,lae lr<1e-3 test_mse<0.03 created<2d (tag:a or word) -word",
            id="filter",
        )
        self.preview = Preview()
        self.with_preview = True
        self.note = Input(id="note")
        self.ask = Horizontal(Label("note"), self.note, classes="ask hidden", id="ask")

    def body(self) -> Iterable[Widget]:
        yield Horizontal(Label("/"), self.filter, classes="ask")
        yield Container(self.grid, self.preview, id="split")
        yield self.ask

    def begin(self) -> None:
        self.set_focus(self.grid)
        self.runs_changed()
        store, wanted = self.bench.store, recall("columns")
        # in threads: the first time every folder is read
        self.in_thread(lambda: api.disk.usage(store), self._take_sizes, group="disk")
        self.call_after_refresh(partial(self.in_thread, load_panes, self.preview.fill, group="panes"))
        if isinstance(wanted, list):
            self._take_columns([str(key) for key in wanted])

    def _take_sizes(self, sizes: dict[str, int]) -> None:
        self.grid.choose_columns(sizes=sizes)
        self._count()
        self._show_preview()

    # the preview

    def lay_out(self, width: int, height: int) -> None:
        """Put the preview beside the list where that is wide enough, else below it."""
        self.set_class(width >= BESIDE, "-wide")
        self.set_class(not self.with_preview, "-alone")

    def on_grid_moved(self, message: Grid.Moved) -> None:
        self._show_preview()

    def on_screen_resume(self) -> None:
        self._show_preview()

    def _show_preview(self) -> None:
        """Show what is known of the entry under the cursor at once, and its curves once the cursor rests."""
        entry = self.grid.entry if self.with_preview else None
        rows = entry.rows if entry is not None else ()
        sizes = self.grid.chooser.sizes
        self.preview.show_rows(rows, sum(sizes.get(row.id, 0) for row in rows))

        def watch() -> None:
            if self.app.screen is self:  # else the screen on top has said what it watches
                self.bench.feed.watch([rows[0].id] if rows else [])

        self.once_rested(watch)

    def lives_changed(self, lives: dict[str, Any]) -> None:
        entry = self.grid.entry
        live = lives.get(entry.row.id) if entry is not None else None
        if live is not None or not lives:
            self.preview.show(live)

    def action_preview(self) -> None:
        self.with_preview = not self.with_preview
        self.lay_out(*self.size)
        self._show_preview()

    def action_open_run(self) -> None:
        """Open the run under the cursor, or unfold the group."""
        entry = self.grid.entry
        if entry is None:
            self.show_message("No run selected.", "trouble")
        elif len(entry.rows) > 1:
            self.grid.fold(entry)
        else:
            self.bench.open_screen("run", entry.row.id)

    # the columns

    def action_columns(self) -> None:
        """Open the list of columns, with those of every setting of these runs."""
        known = [
            (key, column.label) for key, column in known_columns(self.grid.rows, self.grid.chooser).items()
        ]

        def found(names: list[str]) -> None:
            settings = [(name, name) for name in names if name not in dict(known)]
            shown = [column.key for column in self.grid.columns]
            self.bench.open_screen("columns", shown, [*known, *settings], self._choose_columns)

        self.in_thread(lambda: api.runs.setting_names(self.bench.store), found)

    def _choose_columns(self, keys: list[str] | None) -> None:
        remember("columns", keys)
        self._take_columns(keys)

    def _take_columns(self, keys: list[str] | None) -> None:
        """Show these columns; what settings among them have as values is read first."""
        store = self.bench.store

        def read() -> dict[str, dict[str, Any]]:
            names = set(api.runs.setting_names(store)) if keys else set()
            return {key: api.runs.setting_values(store, key) for key in keys or () if key in names}

        self.in_thread(
            read, lambda values: self.grid.choose_columns(wanted=keys, values=values), group="columns"
        )

    def runs_changed(self) -> None:
        super().runs_changed()
        self.grid.update_rows(self.bench.rows or [])
        self._count()
        self._show_preview()

    def _count(self) -> None:
        """Show in the top line how many runs are listed and marked."""
        runs, marked = self.grid, len(self.grid.marked)
        shown = len(runs.listed)
        grouped = ", in groups" if runs.grouped else ""
        hidden = f" ({runs.hidden_marks} hidden)" if runs.hidden_marks else ""
        more = f", {marked} marked{hidden}" if marked else ""
        total = sum(runs.chooser.sizes.values())
        disk = f" · {format_bytes(total)}" if total else ""
        self.top.place = f"Results  {shown:,} of {plural(len(runs.rows), 'run')}{grouped}{more}{disk}"

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
        self._show_preview()

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
            self.change(
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
        self._show_preview()
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
        ids = [row.id for row in self.grid.chosen()]
        if len(ids) < 2:
            hidden = self.grid.hidden_marks
            why = f"; the filter hides {plural(hidden, 'marked run')}" if hidden else ""
            self.show_message(f"Cannot compare: mark at least two runs with space{why}.", "trouble")
        elif len(ids) > MOST_CURVES:
            self.show_message(
                f"Cannot compare {len(ids)} runs: at most {MOST_CURVES} curves fit. M clears the marks.",
                "trouble",
            )
        else:
            self.bench.open_screen("compare", ids)

    def table_maker(self) -> Callable[[], TableDraft] | None:
        """Return what makes the draft of the table of the marked runs, or of all listed ones."""
        rows = self.grid.chosen() if self.grid.marked else self.grid.listed
        if not rows:
            self.show_message("No run selected." + self._hidden(), "trouble")
            return None
        return partial(draft_of_rows, self.bench.store, rows)

    def _hidden(self) -> str:
        """Return a sentence about the marked runs that the filter hides, if any."""
        hidden = self.grid.hidden_marks
        return f" The filter hides {plural(hidden, 'marked run')}, left as they are." if hidden else ""

    def action_delete(self) -> None:
        """Delete what is marked and listed, or what is under the cursor; say what that was."""
        rows = self.grid.chosen()
        live = next((row for row in rows if row.live), None)
        if not rows:
            self.show_message("No run selected." + self._hidden(), "trouble")
            return
        names = short_list([row.id for row in rows], [row.name for row in rows])
        if live is not None:
            name = line(live.name, 60)
            self.show_message(
                f"Cannot delete {name}: it is {live.state}. Cancel it first on the Bench with x.", "trouble"
            )
            return
        hidden = self._hidden()

        def deleted(token: str) -> str:
            self.grid.marked -= {row.id for row in rows}
            self.grid.refresh()
            self._count()
            return f"Deleted {plural(len(rows), 'run')}: {names}; u restores them (token {token}).{hidden}"

        self.change(lambda: api.runs.remove_runs(self.bench.store, [row.id for row in rows]), deleted)
