"""Footnotes of the comparison table: what its numbers mean, what is missing, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from workbench.errors import WorkbenchError
from workbench.results.groups import Group
from workbench.results.table import ALIKE, CUT_SHORT, NOTHING, Cell
from workbench.spec.estimates import EstimateSettings, estimate_of
from workbench.spec.health import MARKS, health_reasons
from workbench.spec.metric import CAPABILITIES, NATS, lacking
from workbench.spec.metrics import BUILT_IN, metric
from workbench.spec.models import settings_class
from workbench.text import cut

K = TypeVar("K")
READING = (
    "Mean ± sample standard deviation over seeds; n is the number of seeds in the last column "
    "unless a cell gives its own."
)


def impossible(kind: str, key: str) -> str:
    """Return why no run of a family has this metric, or an empty string if it may."""
    try:
        family = settings_class(kind)
    except WorkbenchError:  # a plug-in that is not installed here
        return ""
    estimate = _estimate(key)
    need = lacking(family, metric(key).needs + (estimate.needs if estimate else ()))
    return CAPABILITIES[need][1] if need else ""


def _estimate(key: str) -> type[EstimateSettings] | None:
    return None if key in BUILT_IN else estimate_of(key)


def notes_of(
    groups: Sequence[Group], names: Sequence[str], columns: dict[str, list[Cell]], reading: str = READING
) -> tuple[str, ...]:
    """Return the notes of a table with these groups as rows and these metric columns.

    `reading` is the sentence about what a number is; `names` are those of the rows.
    """
    labels = [
        name if name.startswith(group.title) else f"{group.title} {name}"
        for group, name in zip(groups, names, strict=True)
    ]
    notes = [
        *_unhealthy(groups, labels),
        reading,
        *_marks(columns),
        *_meaning(groups, columns),
        *_comparing(groups, columns),
        *_absent(groups, columns),
        *_damage(groups, labels, columns),
        *_unfinished(groups, labels),
        *_versions(groups, labels),
    ]
    return tuple(cut(note, 600) for note in notes)


def _marks(columns: dict[str, list[Cell]]) -> list[str]:
    """What SE, bold and signs beside a number mean, where there are some."""
    cells = [cell for column in columns.values() for cell in column]
    notes = []
    if any(cell.se is not None for cell in cells):
        notes.append(
            "SE: standard error over test examples (for the energy distance, over draws of samples), "
            "reported because there is only one seed."
        )
    if any(cell.best for cell in cells):
        notes.append("The best mean of a column is marked, unless the best two tie or rows do not compare.")
    if any(cell.alike for cell in cells):
        notes.append(
            f"{ALIKE}: not significantly different from the best mean (5 % level, Welch's t-test over seeds, "
            "two-sided, corrected for the number of rows by Holm's method)."
        )
    return notes


def _meaning(groups: Sequence[Group], columns: dict[str, list[Cell]]) -> list[str]:
    """What a column is, where its heading cannot say it."""
    notes = []
    for key, cells in columns.items():
        splits = {cell.n for cell in cells if cell.n}
        fill = {"splits": f"{splits.pop()} " if len(splits) == 1 else "", "runs": _shapes(groups)}
        note = metric(key).note
        if "{draws}" not in note or any(group.has(key) for group in groups):
            notes.append(note.format(**fill, draws=_draws(groups, key)))
    notes += [_measured_later(key, groups) for key in columns]
    return [note for note in dict.fromkeys(notes) if note]


def _draws(groups: Sequence[Group], key: str) -> str:
    """Return the draws k of a bound, with the rows they belong to where they differ."""
    setting = "evaluation.importance_samples"
    ks = _titles((str(g.settings.get(setting, "?")), g.title) for g in groups if g.has(key))
    return ", ".join(f"k = {k} draws" + f" ({titles})" * (len(ks) > 1) for k, titles in ks.items())


def _measured_later(key: str, groups: Sequence[Group]) -> str:
    """Return with which settings a column was measured after the runs' end; empty where it was not."""
    outcomes = ((outcome, group.title) for group in groups for outcome in group.outcomes)
    how = _titles((o.conditions[key], title) for o, title in outcomes if key in o.conditions)
    parts = how if len(how) == 1 else [f"{titles}: {settings}" for settings, titles in how.items()]
    if how:
        return f"{metric(key).label}: measured after the end with {'; '.join(parts)}."
    curves = {o.from_curves[key] for group in groups for o in group.outcomes if key in o.from_curves}
    which = " or ".join(sorted(curves))
    return f"{metric(key).label}: last point of the {which}, not a final evaluation." if which else ""


def _shapes(groups: Sequence[Group]) -> str:
    """Return how many runs of how many seeds the rows are made of."""
    found = []
    for group in groups:
        sizes = sorted({len(outcome.seeds) for outcome in group.outcomes})
        if sizes:
            runs, seeds = len(group.outcomes), "–".join(str(n) for n in dict.fromkeys((sizes[0], sizes[-1])))
            words = f"{runs} run{'s' * (runs != 1)} of {seeds} seed{'s' * (seeds != '1')}"
            found.append((words, group.title))
    shapes = _titles(found)
    if len(shapes) == 1:
        return f" (each row: {found[0][0]})"
    parts = [f"{titles}: {words}" for words, titles in shapes.items()]
    return f" ({'; '.join(parts)})" if parts else ""


def _titles(pairs: Iterable[tuple[K, str]]) -> dict[K, str]:
    """Return each text with the titles of the rows it holds for: (text, title), … → {text: "VAE, LAE"}."""
    found: dict[K, dict[str, None]] = {}
    for text, title in pairs:
        found.setdefault(text, {})[title] = None
    return {text: ", ".join(titles) for text, titles in found.items()}


def _comparing(groups: Sequence[Group], columns: dict[str, list[Cell]]) -> list[str]:
    """Which columns hold numbers that must not be ranked against each other."""
    notes = []
    for key, cells in columns.items():
        found = metric(key)
        classes = {g.comparable(key) for g, cell in zip(groups, cells, strict=True) if cell.mean is not None}
        if not found.better or len(classes) < 2:
            continue
        if found.one_per == "run":
            same = ["device", "machine", "threads", "number of seeds a run"]
        else:
            same = ["data treatment", *["likelihood"] * (found.unit == NATS)]
            same += dict.fromkeys(words for _, words in found.equal)
        *first, last = same
        why = f"{', '.join(first)} and {last}" if first else last
        notes.append(f"{found.label}: rows are ranked only among those with the same {why}.")
    return notes


def _unhealthy(groups: Sequence[Group], labels: Sequence[str]) -> list[str]:
    """What the marks of health mean, and why a row has one."""
    verdicts = {group.verdict for group in groups}
    notes = []
    if "unhealthy" in verdicts:
        notes.append(f"{MARKS['unhealthy']}: a run behind this is unhealthy; it is never marked as best.")
    if "doubtful" in verdicts:
        notes.append(f"{MARKS['doubtful']}: a run behind this is doubtful.")
    for group, label in zip(groups, labels, strict=True):
        found = health_reasons(list(group.health), list(group.health.values()))
        notes += [f"{label}: {' '.join(found)}"] if found else []
    if any(group.cut_short for group in groups):
        what = "a seed behind this diverged or was stopped early by patience"
        notes.append(f"{CUT_SHORT}: {what}; the row is never marked as best.")
    for group, label in zip(groups, labels, strict=True):
        kept = ", ".join(f"seed {seed} keeps step {step}" for seed, step in group.stopped.items())
        notes += [f"{label}: stopped early; {kept}."] if kept else []
    return notes


def _absent(groups: Sequence[Group], columns: dict[str, list[Cell]]) -> list[str]:
    """Why a finished row shows a dash."""
    found: dict[tuple[str, str], list[str]] = {}
    for key in columns:
        for group in groups:
            if not group.finished or group.has(key):
                continue
            why = impossible(group.rows[0].kind, key) or metric(key).absent
            if why == metric(key).absent and (estimate := _estimate(key)):
                why = f"workbench evaluate RUN --metric {estimate.name} measures it"
            labels = found.setdefault((group.title, why), [])
            labels += [metric(key).label] * (metric(key).label not in labels)
    same = _titles(((" or ".join(labels), why), title) for (title, why), labels in found.items())
    return [
        f"{NOTHING}: {titles} {'have' if ', ' in titles else 'has'} no {labels}: {why}."
        for (labels, why), titles in same.items()
    ]


def _damage(groups: Sequence[Group], labels: Sequence[str], columns: dict[str, list[Cell]]) -> list[str]:
    """Seeds that are left out of a mean, or counted once although they ran twice."""
    notes = []
    for k, group in enumerate(groups):
        bad = group.diverged
        if bad:
            steps = ", ".join(f"seed {seed} at step {step}" for seed, step in bad.items())
            rest = "the means are over the other seeds" if group.finished else "nothing is left to average"
            notes.append(f"{labels[k]}: {len(bad)} of {len(group.seeds)} seeds diverged ({steps}); {rest}.")
        lost = [
            f"{metric(key).label} ({count})"
            for key, cells in columns.items()
            if metric(key).one_per != "run" and (count := cells[k].missing - len(bad)) > 0 and group.has(key)
        ]
        if lost:
            notes.append(f"{labels[k]}: values that are not finite are left out of {', '.join(lost)}.")
        if group.repeated:
            which = ", ".join(map(str, group.repeated))
            notes.append(f"{labels[k]}: seed {which} ran more than once; only its newest result counts.")
    return notes


def _unfinished(groups: Sequence[Group], labels: Sequence[str]) -> list[str]:
    """Runs that are in the table without (all of) their results."""
    notes = []
    for group, label in zip(groups, labels, strict=True):
        done = {outcome.run_id for outcome in group.outcomes} | {row.id for row in group.superseded}
        if ": " in group.absent:  # the cells say the rest
            notes.append(f"{label}: {group.absent}.")
        elif missing := _seeds_not_run(group):
            notes.append(f"{label}: seed {', '.join(map(str, missing))} was not run.")
        for row in group.rows:
            if row.id in done or group.absent:
                continue
            if row.state == "finished":
                what = "is finished, but its result file is missing or damaged"
            elif row.state == "failed":
                what = f"failed ({row.failure})" if row.failure else "failed"
            else:
                what = f"is {row.state}" + (f" at step {row.step} of {row.total}" if row.total else "")
            notes.append(f"{label}: run {row.id} {what}; it is not in the numbers.")
    return notes


def _seeds_not_run(group: Group) -> list[int]:
    """Return the seeds that a study asks for and no run has, where another seed was run."""
    if group.absent:
        return []
    return sorted(set(group.wanted).difference(*(row.seeds for row in group.rows)))


def _versions(groups: Sequence[Group], labels: Sequence[str]) -> list[str]:
    """Rows whose runs were made by different code, or with different versions of torch."""
    notes = []
    for what, of in (("commits", 0), ("versions of torch", 1)):
        for group, label in zip(groups, labels, strict=True):
            found = list(dict.fromkeys(o.made_by[of] for o in group.outcomes if o.made_by[of]))
            if len(found) > 1:
                notes.append(f"{label}: its runs are of different {what} ({', '.join(found)}).")
    return notes
