"""Studies and saved tables: their progress, the runs of the one under the cursor, and queueing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.widgets import Static

from workbench import api
from workbench.text import format_duration
from workbench.ui.actions import bindings
from workbench.ui.formatting import line
from workbench.ui.labels import apart
from workbench.ui.screens.page import Page
from workbench.ui.table_draft import draft_of_study
from workbench.ui.widgets.grid import Grid, GridCell, GridColumn

if TYPE_CHECKING:
    from workbench.api.studies import PlanLine, Study

STYLES = {"done": "good", "failed": "bad", "running": "running"}


class StudyList(Grid):
    """One study a line; its progress once it was counted."""

    studies: Sequence[Study] = ()

    def __init__(self) -> None:
        super().__init__(id="studies")
        self.progress: dict[str, str] = {}  # words, by name

    def show_studies(self, studies: Sequence[Study]) -> None:
        """Show these studies."""
        self.studies = studies
        width = min(24, max((len(study.name) for study in studies), default=4))
        widths = (("study", width), ("progress", 34), ("title", 80))
        self.reshape([GridColumn(key, (key,), cells) for key, cells in widths], len(studies))

    @property
    def study(self) -> Study | None:
        """The study under the cursor."""
        return self.studies[self.cursor] if self.cursor < len(self.studies) else None

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return name, progress and title; of a broken file, its fault."""
        study = self.studies[row]
        if study.error:
            return GridCell(study.name), GridCell("broken", "bad"), GridCell(line(study.error, 300), "bad")
        words = self.progress.get(study.name, "") if study.runs else "a table of runs"
        return (
            GridCell(study.name),
            GridCell(words, "" if study.runs else "faint"),
            GridCell(line(study.title)),
        )


class PlanList(Grid):
    """The runs of one study: what became of each, and the time it takes."""

    lines: Sequence[PlanLine] = ()
    labels: Sequence[str] = ()

    def show_lines(self, lines: Sequence[PlanLine]) -> None:
        """Show the plan of a study."""
        self.lines = lines
        self.labels = apart([one.run.label for one in lines], 44)
        width = max([4, *map(len, self.labels)])
        widths = (("run", width), ("state", 22), ("expected", 10), ("basis", 40))
        self.reshape([GridColumn(key, (key,), cells) for key, cells in widths], len(lines))

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return a run's label, the states of its seeds, and its expected time."""
        one = self.lines[row]
        time = format_duration(one.seconds) if one.seconds is not None else "unknown"
        texts = GridCell(time), GridCell(one.basis, "faint")
        return GridCell(self.labels[row]), GridCell(one.state, STYLES.get(one.state, "")), *texts


class StudiesScreen(Page):
    """The list above, the plan of the study under the cursor below."""

    NAME = "studies"
    PLACE = "Studies"
    BINDINGS = bindings("studies")

    def __init__(self) -> None:
        super().__init__()
        self.grid = StudyList()
        self.plan = PlanList(id="plan", show_cursor=False)
        self.budgets: dict[str, str] = {}  # chosen with B, by study
        self._planned_for: list[tuple[str, str]] = []  # runs and their states when the plan was made

    def body(self) -> Iterable[Widget]:
        yield self.grid
        yield Static("", id="title", markup=False)
        yield self.plan

    def begin(self) -> None:
        self.set_focus(self.grid)
        self.in_thread(api.studies.list_studies, self._show, group="studies")

    def scroller(self) -> Widget:
        return self.grid

    def _show(self, studies: Sequence[Study]) -> None:
        self.grid.show_studies(studies)
        self._show_plan()

    def runs_changed(self) -> None:
        super().runs_changed()
        if self._states() != self._planned_for:  # progress alone does not change a plan
            self._show_plan()

    def _states(self) -> list[tuple[str, str]]:
        return [(row.id, row.state) for row in self.bench.rows or ()]

    def on_grid_moved(self, message: Grid.Moved) -> None:
        self.once_rested(self._show_plan)

    def _show_plan(self) -> None:
        """Count the progress of the study under the cursor in a thread: its runs are resolved for it."""
        study, store = self.grid.study, self.bench.store
        self._planned_for = self._states()
        if study is None or study.error or not study.runs:
            self.plan.show_lines([])
            self.query_one("#title", Static).update("" if study is None else line(study.description, 300))
            return

        def count() -> tuple[str, list[PlanLine]]:
            budget = self.budgets.get(study.name, "") or api.studies.usual_budget(store, study)
            return budget, api.studies.forecast_plan(store, study, budget)

        def counted(found: tuple[str, list[PlanLine]]) -> None:
            budget, lines = found
            states = [state for one in lines for state in one.states.values()]
            counts = {state: states.count(state) for state in ("done", "running", "failed", "missing")}
            self.grid.progress[study.name] = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
            self.grid.refresh()
            self.plan.show_lines(lines)
            left = [one.seconds for one in lines if one.seconds is not None and "missing" in one.state]
            about = f", what is missing takes about {format_duration(sum(left))} on one slot" if left else ""
            which = f"budget {budget} of {', '.join(study.budgets)} (B)" if budget else "as written"
            self.query_one("#title", Static).update(f"{line(study.name)}: {which}{about}")

        self.in_thread(count, counted, group="plan")

    def action_budget(self) -> None:
        study = self.grid.study
        if study is None or not study.budgets:
            self.show_message("This study has no budgets: it is run as it is written.")
            return
        names = list(study.budgets)
        now = self.budgets.get(study.name) or api.studies.usual_budget(self.bench.store, study)
        self.budgets[study.name] = names[(names.index(now) + 1) % len(names)]
        self._show_plan()

    def action_table(self) -> None:
        study = self.grid.study
        if study is None:
            self.show_message("There is no study.", "trouble")
        else:
            draft: Callable[[], object] = partial(draft_of_study, self.bench.store, study.name)
            self.in_thread(draft, lambda found: self.bench.open_screen("table", found))

    def action_missing(self) -> None:
        """Queue what is missing; the second press confirms."""
        study = self.grid.study
        if study is None or not study.runs:
            self.show_message("This is a table of runs: it has none of its own to queue.")
        elif self.confirmed(f"queue {study.name}"):
            self.queue_missing(study.name, self.budgets.get(study.name, ""))
        else:
            words = self.grid.progress.get(study.name, "")
            self.show_message(f"+ again queues what is missing of {line(study.name, 60)} ({words}).")
