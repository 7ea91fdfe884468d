"""A table as it is being built: the runs it is of, its layout, and values reported elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench import api
from workbench.errors import USAGE, WorkbenchError
from workbench.text import plural

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.api.runs import RunRow
    from workbench.api.stores import Store
    from workbench.api.tables import Layout, Published, Table


@dataclass(frozen=True)
class TableDraft:
    """`study` is a study's name or the id of a submission; without one, the table is of `rows`."""

    store: Store
    name: str  # of files that it is written to
    title: str
    layout: Layout
    published: Published
    rows: Callable[[], list[RunRow]]
    study: str = ""
    found_by: str = ""  # the filter that finds the runs, for a saved table
    saved: tuple[Layout, Published] | None = None  # what the file has; None: the draft as it was opened

    @property
    def changed(self) -> bool:
        """Whether it differs from what was opened or saved last."""
        return self.saved is not None and (self.layout, self.published) != self.saved

    def with_layout(self, **changes: Any) -> TableDraft:
        """Return the draft with other keys of the layout."""
        return replace(self, layout=replace(self.layout, **changes), saved=self._base())

    def with_reported(self, metric: str, row: str, text: str, source: str) -> TableDraft:
        """Return the draft with a published value; an empty text removes it.

        Raises:
            WorkbenchError: if the text is not a number.
        """
        value = api.tables.reported_value(metric, row, text) if text else None
        place = value or api.tables.reported_value(metric, row, "0")
        same = (place.metric, place.preset, place.settings, place.label)
        kept = [v for v in self.published.values if (v.metric, v.preset, v.settings, v.label) != same]
        published = replace(self.published, source=source, values=(*kept, *([value] if value else [])))
        return replace(self, published=published, saved=self._base())

    def _base(self) -> tuple[Layout, Published]:
        return self.saved if self.saved is not None else (self.layout, self.published)

    def make(self) -> Table:
        """Make the table. Raises WorkbenchError where the layout does not fit the runs."""
        if self.study and not self.changed:
            return api.tables.study_table(self.store, self.study)
        if self.study and study_named(self.study) is not None:
            return api.tables.study_table(
                self.store, self.study, layout=self.layout, published=self.published
            )
        return api.tables.laid_out(self.store, self.rows(), self.layout, self.title, self.published)

    def save(self, name: str, *, overwrite: bool = False) -> tuple[TableDraft, Path]:
        """Write it as a study's file that `workbench export NAME` reads; return the draft as saved."""
        layout = self.layout
        if not layout.filter:
            layout = replace(layout, filter=self.found_by)
        path = api.tables.save_layout(layout, name, published=self.published, overwrite=overwrite)
        return replace(self, name=name, saved=(self.layout, self.published)), path


def study_named(name: str) -> api.studies.Study | None:
    """Return the study of that name, None if there is none or its file is faulty."""
    try:
        return api.studies.find_study(name)
    except WorkbenchError:
        return None


def draft_of_rows(store: Store, rows: Sequence[RunRow], title: str = "") -> TableDraft:
    """Return the draft of a table of these runs."""
    wanted = [row.id for row in rows]
    found_by = f"id={','.join(wanted)}"

    def now() -> list[RunRow]:
        known = {row.id: row for row in api.runs.list_runs(store)}
        return [known[run_id] for run_id in wanted if run_id in known]

    title = title or f"Comparison of {plural(len(rows), 'run')}"
    return TableDraft(
        store, "comparison", title, api.tables.Layout(), api.tables.Published(), now, found_by=found_by
    )


def draft_of_study(store: Store, name: str) -> TableDraft:
    """Return the draft of a study's table, or of one submission of a study. Reads the study's file."""
    study = study_named(name)

    def now() -> list[RunRow]:
        if study is not None:
            return api.studies.study_rows(store, study)
        return api.runs.study_runs(store, name, newest=True)[::-1]

    found = study
    if found is None:
        rows = now()
        found = study_named(rows[0].study)
    layout = found.layout if found is not None else api.tables.Layout()
    published = found.published if found is not None else api.tables.Published()
    title = found.title if found is not None else name
    return TableDraft(store, name, title, layout, published, now, name, f'study:"{name}"')


def text_of(layout: Layout, key: str) -> str:
    """Return a key of a layout as it is typed."""
    value = getattr(layout, key)
    return "" if value is None else ", ".join(value) if isinstance(value, tuple) else str(value)


def value_of(key: str, text: str) -> Any:
    """Return what a typed text means for a key of a layout.

    Raises:
        WorkbenchError: for digits that are no number.
    """
    text = text.strip()
    if key in ("rows", "metrics"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if key != "digits":
        return text
    if text and not text.isdecimal():
        raise WorkbenchError(f"Invalid value '{text[:40]}' for digits: must be from 0 to 9.", "", USAGE)
    return int(text) if text else None
