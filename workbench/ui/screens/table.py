"""The table builder: a comparison table with the keys of its layout beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from workbench import api
from workbench.errors import WorkbenchError
from workbench.text import plural
from workbench.ui.actions import bindings
from workbench.ui.formatting import line, whole
from workbench.ui.screens.page import Page
from workbench.ui.table_draft import TableDraft, text_of, value_of
from workbench.ui.table_options import choices_of, metric_choices, reported_row, row_choices
from workbench.ui.widgets.grid import Grid
from workbench.ui.widgets.table_form import REPORTED, TableForm
from workbench.ui.widgets.table_grid import BEST, TableGrid

if TYPE_CHECKING:
    from workbench.api.tables import Table

BESIDE = 110  # columns from which the layout is beside the table
ASKS = {"folder": "folder", "name": "save as", "value": "value", "source": "source", "copy": ""}


class TableScreen(Page):
    """Shows the table of a draft; it is made in a thread, and again when runs have ended."""

    NAME = "table"
    PLACE = "Table"
    BINDINGS = bindings("table")

    def __init__(self, draft: TableDraft) -> None:
        super().__init__()
        self.draft = draft
        self.table: Table | None = None
        self.grid: TableGrid = TableGrid(id="table")
        self.form: TableForm = TableForm(id="form")
        self.field = Input(id="field")
        self.label = Label("", id="asked")
        self.ask = Horizontal(self.label, self.field, classes="ask hidden", id="ask")
        self.asking = ""  # what the field asks for: a key of the layout, or one of ASKS
        self.text = ""  # notes or LaTeX that take the place of the table; empty: the table is shown
        self.reported = ("", "", "")  # metric, row and number that are being entered
        self._over: int | None = None  # which runs were over when the table was made

    def body(self) -> Iterable[Widget]:
        yield Container(
            Vertical(
                Static("", id="title", markup=False),
                self.grid,
                VerticalScroll(Static("", id="notes", markup=False), id="notes-box", can_focus=False),
                id="made",
            ),
            self.form,
            id="builder",
        )
        yield self.ask

    def begin(self) -> None:
        self.set_focus(self.grid)
        self.form.show_draft(self.draft)
        self.runs_changed()
        self.in_thread(lambda: choices_of(self.draft), self._take_choices, group="choices")

    def _take_choices(self, choices: dict[str, list[str]]) -> None:
        self.form.choices = choices

    def runs_changed(self) -> None:
        super().runs_changed()
        over = hash(tuple((row.id, row.state) for row in self.bench.rows or () if not row.live))
        if over != self._over:  # progress alone does not change a table of results
            self._over = over
            self._make(self.draft)

    # the draft

    def _make(self, draft: TableDraft) -> None:
        """Make the table of a draft; if that works, the draft is the new one."""

        def made(table: Table) -> None:
            self.draft = draft
            self.form.show_draft(draft)
            self._show(table)

        self.in_thread(draft.make, made, group="table")

    def _set(self, key: str, value: Any) -> None:
        try:
            self._make(self.draft.with_layout(**{key: value}))
        except WorkbenchError as error:
            self.show_message(str(error), "trouble")

    def _show(self, table: Table) -> None:
        self.table = table
        self.top.place = f"Table  {line(self.draft.name, 40)}{' *unsaved' if self.draft.changed else ''}"
        self.query_one("#title", Static).update(line(table.title))
        self.grid.show_table(table)
        self.lay_out(*self.size)

    def action_edit(self) -> None:
        """Edit the key under the cursor of the layout; on the table, open the runs of the row."""
        if self.focused is not self.form:
            self._open_runs()
        elif self.form.key in ("rows", "metrics"):
            self.action_choose(self.form.key)
        elif self.form.key == REPORTED:
            self.show_message("a on a cell of the table adds a value from the literature.")
        else:
            self._ask(self.form.key, text_of(self.draft.layout, self.form.key))

    def action_cycle(self, key: str = "") -> None:
        """Step through the choices of a key."""
        key = key or self.form.key
        choice = self.form.next_choice(key)
        if choice is None:
            self.show_message("This key has no list of choices: enter edits it.")
        else:
            self._set(key, value_of(key, choice))

    def action_choose(self, key: str) -> None:
        """Choose metrics or keys of rows from a list."""
        find = metric_choices if key == "metrics" else row_choices

        def found(known: list[tuple[str, str]]) -> None:
            shown = [column.key for column in self.table.columns] if self.table is not None else []
            now = getattr(self.draft.layout, key) or tuple(name for name in shown if name in dict(known))
            self.bench.open_screen(
                "columns", now, known, lambda keys: self._set(key, tuple(keys or ())), f"{key} of the table"
            )

        self.in_thread(lambda: find(self.draft), found)

    def action_sort(self) -> None:
        """Sort by the chosen column; again: in reverse."""
        if self.table is None or self.grid.column < 0:
            self.show_message("Choose a column first, with left and right.")
            return
        key = self.table.columns[self.grid.shown[self.grid.column]].key.partition(" ")[0]
        now = self.draft.layout.sort
        self._set("sort", f"-{key}" if now == key else key)

    def action_baseline(self) -> None:
        """Make the row under the cursor the baseline, or none if it is."""
        if self.table is None or not self.table.rows:
            return
        row, columns, now = self.table.rows[self.grid.cursor], self.table.columns, self.draft.layout.baseline
        front = self.grid.shown[: max(1, self.grid.frozen)]
        wanted = [f"{columns[k].key}={row[k].text}" for k in front]
        named = [name for name in wanted if self._rows_of(name) == 1]
        if now in wanted:
            self._set("baseline", "")
        elif named:
            self._set("baseline", named[0])
        else:
            self.show_message("No value of this row is its own: filter the runs, or choose other rows.")

    def _rows_of(self, name: str) -> int:
        """Return how many rows of the table have `key=value`."""
        key, _, value = name.partition("=")
        return sum(cell.text == value for cell in self.table.column(key)) if self.table is not None else 0

    # runs behind the table

    def _open_runs(self) -> None:
        """Show the runs of the row under the cursor in Results."""
        sources = self.table.sources if self.table is not None else ()
        ids = sources[self.grid.cursor] if self.grid.cursor < len(sources) else ()
        if ids:
            self.bench.open_screen("results", f"id={','.join(ids)}")
        else:
            self.show_message("This row has no runs with results yet.")

    def action_missing(self) -> None:
        """Queue the runs of the study that are missing; the second press confirms."""
        study = self.draft.study
        if not study:
            self.show_message("Only the table of a study knows which runs are missing.")
        elif self.confirmed(f"queue {study}"):
            self.queue_missing(study)
        else:
            self.show_message(f"+ again queues what is missing of {line(study, 60)}.")

    # text in place of the table: notes, LaTeX

    def lay_out(self, width: int, height: int) -> None:
        """Show as many notes as fit into a few lines, and how many are left; or a text to scroll."""
        self.set_class(width >= BESIDE, "-wide")
        self.set_class(bool(self.text), "-reading")
        if self.table is None:
            return
        text = self.text
        if not text:
            shown, left = whole(self._notes(), width - 2, max(2, height // 8))
            text = "\n".join([*shown, *[f"N shows {plural(left, 'more note')}."] * bool(left)])
        self.query_one("#notes", Static).update(text)

    def _notes(self) -> list[str]:
        if self.table is None:
            return []
        best = any(cell.best for row in self.table.rows for cell in row)
        return [f"{BEST} best of its column"] * best + [line(note, 600) for note in self.table.notes if note]

    def scroller(self) -> Widget:
        if self.text:
            return self.query_one("#notes-box")
        return self.form if self.focused is self.form else self.grid

    def _read(self, text: str) -> None:
        self.text = "" if self.text else text
        self.lay_out(*self.size)

    def action_notes(self) -> None:
        self._read("\n".join(self._notes()))

    def action_latex(self) -> None:
        if self.table is not None:
            self._read(api.tables.export_text(self.table, "latex"))

    def action_copy(self) -> None:
        """Copy the table to the clipboard by the terminal: as LaTeX while that is shown, else as Markdown."""
        if self.table is None:
            return
        form = "latex" if self.text.startswith("%") or "\\begin" in self.text else "md"
        self.app.copy_to_clipboard(api.tables.export_text(self.table, form))
        self.show_message(f"Copied the table as {'LaTeX' if form == 'latex' else 'Markdown'}.", "good")

    # files and fields

    def action_export(self, folder: Path | None = None) -> None:
        table = self.table
        if table is None:
            self.show_message("The table is not ready yet.", "trouble")
        else:
            self.export(self.draft.name, lambda: table, folder)

    def action_export_to(self) -> None:
        self._ask("folder", str(Path.cwd()))

    def action_save(self) -> None:
        self._ask("name", "" if self.draft.name == "comparison" else self.draft.name)

    def action_report(self) -> None:
        """Ask for the published value of the row under the cursor in the chosen column."""
        column = self.grid.column if self.grid.column >= 0 else self.grid.frozen
        if self.table is None or column >= len(self.grid.shown):
            return
        key = self.table.columns[self.grid.shown[column]].key.partition(" ")[0]
        ids = self.table.sources[self.grid.cursor] if self.grid.cursor < len(self.table.sources) else ()
        row = next((row for row in self.bench.rows or () if row.id in ids), None)
        if row is None or not self.table.measured(self.grid.shown[column]):
            self.show_message("Choose a metric of a row that has runs, with left and right.")
            return
        name = reported_row(self.draft, row, [self.table.columns[k].key for k in self.grid.shown])
        self.reported = key, name, ""
        self._ask("value", "")

    def _ask(self, what: str, text: str) -> None:
        """Show the field with a text to edit."""
        self.asking = what
        self.label.update(ASKS.get(what, what))
        self.ask.remove_class("hidden")
        self.field.value = text
        self.set_focus(self.field)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Do what the field was for."""
        what, text = self.asking, message.value.strip()
        self._close()
        if what == "folder":
            self.action_export(Path(text or ".").expanduser().absolute())
        elif what == "name":
            self._save(text)
        elif what == "value":
            self.reported = (*self.reported[:2], text)
            self._ask("source", self.draft.published.source)
        elif what == "source":
            try:
                self._make(self.draft.with_reported(*self.reported, text))
            except WorkbenchError as error:
                self.show_message(str(error), "trouble")
        else:
            try:
                self._set(what, value_of(what, text))
            except WorkbenchError as error:
                self.show_message(str(error), "trouble")

    def _save(self, name: str) -> None:
        exists = (Path.cwd() / "presets" / "studies" / f"{name}.toml").exists()
        overwrite = exists and self.confirmed(f"save {name}")
        if exists and not overwrite:
            self.show_message(f"presets/studies/{line(name, 60)}.toml exists: save it again to replace it.")
            return

        def saved(found: tuple[TableDraft, Path]) -> None:
            self.draft = replace(found[0], study=self.draft.study)
            if self.table is not None:
                self._show(self.table)
            command = f"workbench export {self.draft.name}"
            self.show_message(f"Saved {line(found[1], 200)}; `{command}` writes it.", "good")

        self.in_thread(lambda: self.draft.save(name, overwrite=overwrite), saved)

    def action_step(self, by: int) -> None:
        """Go from the table to its layout, or back."""
        there: Grid = self.form if self.focused is self.grid else self.grid
        self.set_class(there is self.form, "-editing")
        self.set_focus(there)

    def _close(self) -> None:
        self.ask.add_class("hidden")
        self.set_focus(self.form if self.has_class("-editing") else self.grid)

    def action_back(self) -> None:
        """Close the text, the field, the layout, or the screen."""
        if self.text:
            self._read("")
        elif not self.ask.has_class("hidden"):
            self._close()
        elif self.focused is self.form:
            self.action_step(1)
        else:
            super().action_back()
