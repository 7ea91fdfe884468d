"""Figures for publications, of the runs of a study or of single runs; matplotlib draws them.

>>> groups = api.figures.groups_of(store, "fuze")
>>> [kind.name for kind, lack in api.figures.kinds_of(store, groups) if not lack]
['curves', 'latents', 'samples']
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

from workbench.api import studies
from workbench.api.evaluations import evaluate
from workbench.api.outputs import streams, write_output
from workbench.api.runs import RunRow, filter_rows, find_run, list_runs, study_names, study_runs
from workbench.api.stores import Store
from workbench.errors import NOT_FOUND, USAGE, WorkbenchError, did_you_mean
from workbench.figures.kinds import KINDS, Kind
from workbench.figures.subjects import (
    Options,
    Subject,
    lack,
    read_run,
    stored_arrays,
    subject,
    usual_metrics,
    with_seed,
)
from workbench.results.compare import group_names
from workbench.results.groups import Group, pool
from workbench.results.wanted import wanted_groups
from workbench.spec.estimates import settings_from

__all__ = [
    "FORMS",
    "KINDS",
    "Kind",
    "Options",
    "Subject",
    "collect",
    "draw",
    "find_kind",
    "form_of",
    "groups_of",
    "kinds_of",
    "usual_metrics",
    "width_of",
    "write_figure",
]

FORMS = ("pdf", "png", "svg")
WIDTHS = {"single": 3.3, "double": 6.8}  # inches: one column of a page with two, and the whole page
WIDEST = 40.0  # inches
MOST = 24  # configurations in one figure


def find_kind(name: str) -> Kind:
    """Return the kind of figure of that name.

    Raises:
        WorkbenchError: exit code 3 if there is none.

    >>> api.figures.find_kind("tsne").about
    'latents of test examples by class, placed by t-SNE'
    """
    if name not in KINDS:
        hint = did_you_mean(name, KINDS) or f"Kinds: {', '.join(KINDS)}."
        raise WorkbenchError(f"There is no kind of figure '{name}'.", hint, NOT_FOUND)
    return KINDS[name]


def groups_of(store: Store, what: str, others: Sequence[str] = (), budget: str = "") -> list[Group]:
    """Return the configurations of a figure: the rows of a study's table, or those of one run; and `others`.

    `budget` is of a study; without it, it is the one with most runs here.

    Raises:
        WorkbenchError: exit code 3 if there is no such study or run; 2 for an unknown budget.
    """
    rows, groups = [], []
    study = None
    with suppress(WorkbenchError):  # no study of this name, or a faulty file
        study = studies.find_study(what)
    if study is not None and study.runs:
        budget = budget or studies.usual_budget(store, study)
        wanted = [studies.wanted(run) for run in studies.plan(study, budget) if run.row]
        groups = wanted_groups(
            store.paths, list_runs(store), wanted, study.name, studies.planned_groups(study)
        )
    elif study is not None:  # a table that `workbench table --save` wrote
        rows = filter_rows(store, list_runs(store)[::-1], study.layout.filter)
    else:
        with suppress(WorkbenchError):  # no submission of this id
            rows = study_runs(store, what, newest=True)[::-1]
        rows = rows or [_run(store, what)]
    return [*groups, *pool(store.paths, [*rows, *(find_run(store, other) for other in others)])]


def _run(store: Store, what: str) -> RunRow:
    try:
        return find_run(store, what)
    except WorkbenchError as error:
        if error.exit_code != NOT_FOUND:
            raise
        rows = list_runs(store)
        known = [*study_names(rows), *(row.id for row in rows)]
        hint = did_you_mean(what, known) or "`workbench runs ls` lists the runs."
        raise WorkbenchError(f"There is no study or run '{what}' here.", hint, NOT_FOUND) from None


def kinds_of(store: Store, groups: Sequence[Group]) -> list[tuple[Kind, str]]:
    """Return every kind of figure, and in a clause what the first run lacks for it; empty if nothing.

    Raises:
        WorkbenchError: exit code 3 if none of the configurations has been run.
    """
    row = next((group.rows[0] for group in groups if group.rows[0].id), None)
    if row is None:
        raise WorkbenchError(
            "None of the configurations has been run.",
            "`workbench studies run NAME` runs a study.",
            NOT_FOUND,
        )
    run = read_run(store.paths, row.id)
    return [(kind, lack(kind, run)) for kind in KINDS.values()]


def collect(
    store: Store,
    groups: Sequence[Group],
    kind: Kind,
    options: Options,
    *,
    labels: Sequence[str] = (),
    sets: Sequence[str] = (),
    again: bool = False,
    on_line: Callable[[str], None] | None = None,
) -> tuple[list[Subject], list[str]]:
    """Return what a kind of figure is made from, and a sentence for each configuration that is left out.

    `labels` are the names of the configurations in their order; those without one have the names of tables.
    Arrays that a kind needs and no run has yet are computed by its estimate, with `sets` of its settings, and
    stored beside the run's evaluations; `again` computes them in any case. `on_line` gets the progress.

    Raises:
        WorkbenchError: exit code 3 if no run has what the kind needs, or lacks the seed; 2 for an invalid
            setting or too many configurations; as `evaluations.evaluate`.
    """
    if sets or again:
        if not kind.estimate:
            raise WorkbenchError(f"Cannot compute '{kind.name}': it shows what a run has stored.", "", USAGE)
        settings_from(kind.estimate, sets)
    if len(labels) > len(groups):
        raise WorkbenchError(f"Cannot use {len(labels)} labels: there are {len(groups)} configurations.")
    found, notes = [], []
    for group, label in zip(groups, [*labels, *group_names(groups)[len(labels) :]], strict=True):
        runs = [read_run(store.paths, row.id) for row in group.rows if row.id]
        seed = None if kind.source in ("curves", "noise") else options.seed  # these are of all seeds
        why = lack(kind, with_seed(runs, seed)) if runs else group.absent
        if why:
            notes.append(f"{label} is left out: {why}.")
        else:
            found.append(subject(group, runs, label, options))
    if not found:
        has = [known.name for known, why in kinds_of(store, groups) if not why]
        hint = f"It has {', '.join(has)}." if has else ""
        one = next(group.rows[0].id for group in groups if group.rows[0].id)
        raise WorkbenchError(
            f"Cannot make '{kind.name}' of {one}: {notes[0].partition(': ')[2]}", hint, NOT_FOUND
        )
    if len(found) > MOST:
        raise WorkbenchError(f"Cannot draw {len(found)} configurations: at most {MOST} fit.", "", USAGE)
    if kind.estimate:
        found = [_with_arrays(store, each, kind.estimate, sets, again, on_line) for each in found]
    return found, notes


def _with_arrays(
    store: Store,
    found: Subject,
    estimate: str,
    sets: Sequence[str],
    again: bool,
    on_line: Callable[[str], None] | None,
) -> Subject:
    """Return the subject with the arrays of an estimate, computed if they are not there."""
    arrays = {} if again else stored_arrays(found.shown.paths, estimate, sets)
    if not arrays:
        evaluate(store, found.shown.id, estimate, sets, on_line=on_line)
        arrays = stored_arrays(found.shown.paths, estimate)
    return replace(found, arrays=arrays)


def draw(kind: Kind, subjects: Sequence[Subject], options: Options, form: str) -> bytes:
    """Return a figure as the bytes of a pdf, png or svg.

    Raises:
        WorkbenchError: exit code 2 if matplotlib is not installed, or there is nothing to draw.
    """
    if find_spec("matplotlib") is None:
        raise WorkbenchError(
            "Cannot draw figures: matplotlib is not installed.",
            "Install it with: pip install 'workbench[figures]'. Or add --text.",
            USAGE,
        )
    body: bytes = resolve_name("workbench.figures.style:render")(
        resolve_name(kind.draw), (subjects, options), form
    )
    return body


def write_figure(
    kind: Kind,
    subjects: Sequence[Subject],
    options: Options,
    path: Path,
    *,
    form: str = "",
    overwrite: bool = False,
) -> None:
    """Draw a figure and write it to `path`, in `form` or that of its extension: see `outputs.write_output`.

    Raises:
        WorkbenchError: as `form_of`, `draw` and `write_output`.
    """
    write_output(path, draw(kind, subjects, options, form_of(path, form)), overwrite=overwrite)


def form_of(path: Path, form: str = "") -> str:
    """Return `form` if it is given, else the format of the file's extension.

    Raises:
        WorkbenchError: exit code 2 for another one.

    >>> api.figures.form_of(Path("loss.PDF"))
    'pdf'
    """
    known = f"Formats: {', '.join(FORMS)}."
    if form and form not in FORMS:
        raise WorkbenchError(f"There is no format '{form}' of figures.", did_you_mean(form, FORMS) or known)
    if not form and streams(path):
        raise WorkbenchError(f"Cannot write to {path}: its name has no format.", f"Add --format. {known}")
    found = form or path.suffix.lower().removeprefix(".")
    if found not in FORMS:
        raise WorkbenchError(f"Unknown file extension: '{path.name}'.", f"Use one of {', '.join(FORMS)}.")
    return found


def width_of(text: str) -> float:
    """Return a width in inches, from "single", "double" or a number of inches.

    Raises:
        WorkbenchError: exit code 2 for another text.

    >>> api.figures.width_of("single"), api.figures.width_of("5")
    (3.3, 5.0)
    """
    with suppress(ValueError):
        value = WIDTHS.get(text) or float(text)
        if 1.0 <= value <= WIDEST:
            return value
    hint = f"Take single, double, or inches from 1 to {WIDEST:g}."
    raise WorkbenchError(f"Invalid value '{text}' for --width.", hint, USAGE)
