"""Footnotes of the comparison table: what its numbers mean, what is missing, and why."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import WorkbenchError
from workbench.results.groups import DRAWS, NULL, RUNTIME, Group
from workbench.results.table import ALIKE, NOTHING, Cell
from workbench.spec.estimates import ESTIMATES
from workbench.spec.metrics import ATTACKED, NATS, metric
from workbench.spec.models import settings_class
from workbench.text import safe_text

# Why a family's finished runs lack a column; the engine decides, this only says it.
WHY_ABSENT = {
    ("avb", "test_nelbo"): "its posterior is implicit and has no density",
    ("lebm", "test_nelbo"): "its prior is known only up to a constant",
    ("lebm", "test_iwae"): "its prior is known only up to a constant",
}

FROM_LATENTS = ("test_mse", "knn_accuracy")
FROM_SAMPLES = ("energy_distance", NULL, "energy_distance_null_95")


def impossible(kind: str, key: str) -> str:
    """Return why no run of a family has this metric, or an empty string if it may."""
    try:
        family = settings_class(kind)
    except WorkbenchError:  # a plug-in that is not installed here
        return ""
    if key in FROM_LATENTS and not family.has_latents:
        return "it has no latents"
    if key in FROM_SAMPLES and not family.has_samples:
        return "it draws no samples"
    return WHY_ABSENT.get((kind, key), "")


def notes_of(
    groups: Sequence[Group], names: Sequence[str], columns: dict[str, list[Cell]]
) -> tuple[str, ...]:
    """Return the notes of a table with these groups as rows and these metric columns."""
    labels = [f"{group.title} {name}" for group, name in zip(groups, names, strict=True)]
    notes = [
        *_reading(columns),
        *_meaning(groups, columns),
        *_comparing(groups, columns),
        *_absent(groups, columns),
        *_damage(groups, labels, columns),
        *_unfinished(groups, labels),
    ]
    return tuple(safe_text(note, 600, one_line=True) for note in notes)


def _reading(columns: dict[str, list[Cell]]) -> list[str]:
    cells = [cell for column in columns.values() for cell in column]
    notes = [
        "Mean ± sample standard deviation over seeds; n is the number of seeds in the last column "
        "unless a cell gives its own."
    ]
    if any(cell.se is not None for cell in cells):
        notes.append(
            "SE: with a single seed there is no spread over seeds; the standard error over test "
            "examples (for the energy distance, over draws of samples) stands in its place."
        )
    if any(cell.best for cell in cells):
        notes.append("The best mean of a column is marked, unless the best two tie or rows do not compare.")
    if any(cell.alike for cell in cells):
        notes.append(
            f"{ALIKE}: not told from the best mean at the 5 % level (Welch's t-test over seeds, two-sided, "
            "not corrected for the number of comparisons)."
        )
    return notes


def _meaning(groups: Sequence[Group], columns: dict[str, list[Cell]]) -> list[str]:
    """What a column is, where its heading cannot say it."""
    notes = []
    if "test_mse" in columns or "mse" in columns:
        notes.append(
            "MSE: squared error of the decoded representative latent, mean over data dimensions and "
            "test examples, in squared data units; pixels lie in 0 … 1."
        )
    if NULL in columns:
        draws = sorted({cell.n for cell in columns[NULL] if cell.n})
        count = f"{draws[0]} " if len(draws) == 1 else ""
        notes.append(
            "Real-vs-real null: the energy distance between two sets of real examples of the same sizes; "
            f"its ± is the standard deviation over {count}random splits, and the mean of many is 0. "
            "The estimator is unbiased, so a distance can be negative."
        )
    if RUNTIME in columns:
        notes.append(
            "Training time is that of a run, its seeds trained together, evaluation excluded; "
            f"its n counts runs{_shapes(groups)}."
        )
    if "test_iwae" in columns:
        ks: dict[str, list[str]] = {}
        for group in groups:
            if group.has("test_iwae"):
                ks.setdefault(str(group.settings.get(DRAWS, "?")), []).append(group.title)
        told = [f"k = {k} draws" for k in ks]
        if len(ks) > 1:
            told = [f"k = {k} draws ({', '.join(dict.fromkeys(titles))})" for k, titles in ks.items()]
        notes.append(f"IWAE: negative importance-weighted bound with {', '.join(told)}.")
    return notes + [note for key in columns if (note := _measured_later(key, groups))]


def _measured_later(key: str, groups: Sequence[Group]) -> str:
    """Say with which settings a column was measured after the runs' end; empty where it was not."""
    how: dict[str, list[str]] = {}
    for group in groups:
        for outcome in group.outcomes:
            if key in outcome.conditions:
                how.setdefault(outcome.conditions[key], []).append(group.title)
    told = [
        settings if len(how) == 1 else f"{', '.join(dict.fromkeys(t))}: {settings}"
        for settings, t in how.items()
    ]
    return f"{metric(key).label}: measured after the end with {'; '.join(told)}." if told else ""


def _shapes(groups: Sequence[Group]) -> str:
    """Say how many runs of how many seeds stand behind the rows."""
    shapes: dict[str, list[str]] = {}
    for group in groups:
        sizes = sorted({len(outcome.seeds) for outcome in group.outcomes})
        if sizes:
            runs, seeds = len(group.outcomes), "–".join(str(n) for n in dict.fromkeys((sizes[0], sizes[-1])))
            words = f"{runs} run{'s' * (runs != 1)} of {seeds} seed{'s' * (seeds != '1')}"
            shapes.setdefault(words, []).append(group.title)
    if len(shapes) == 1:
        return f" (each row: {next(iter(shapes))})"
    told = (f"{', '.join(dict.fromkeys(titles))}: {words}" for words, titles in shapes.items())
    return f" ({'; '.join(told)})" if shapes else ""


def _comparing(groups: Sequence[Group], columns: dict[str, list[Cell]]) -> list[str]:
    """Which columns hold numbers that must not be ranked against each other."""
    notes = []
    for key, cells in columns.items():
        classes = {g.comparable(key) for g, cell in zip(groups, cells, strict=True) if cell.mean is not None}
        if not metric(key).better or len(classes) < 2:
            continue
        if key == RUNTIME:
            why = "the same device, machine, threads and number of seeds a run"
        elif key == "test_iwae":
            why = "the same data treatment, likelihood and number of draws k"
        elif key.startswith(ATTACKED):
            why = "the same data treatment, attack and number of attacked pictures"
        elif metric(key).unit == NATS:
            why = "the same data treatment and likelihood"
        elif key == "knn_accuracy":
            why = "the same data treatment and number of neighbours"
        else:
            why = "the same data treatment"
        notes.append(f"{metric(key).label}: rows are ranked only among those with {why}.")
    return notes


def _absent(groups: Sequence[Group], columns: dict[str, list[Cell]]) -> list[str]:
    """Why a finished row shows a dash."""
    found: dict[tuple[str, str], list[str]] = {}
    for key in columns:
        for group in groups:
            if not group.finished or group.has(key):
                continue
            why = "the data have no labels" if key == "knn_accuracy" else "its evaluation gives none"
            if (estimate := key.replace("_", "-")) in ESTIMATES:
                why = f"workbench evaluate RUN --metric {estimate} measures it"
            why = impossible(group.rows[0].kind, key) or why
            labels = found.setdefault((group.title, why), [])
            labels += [metric(key).label] * (metric(key).label not in labels)
    return [
        f"{NOTHING}: {title} has no {' or '.join(labels)}: {why}." for (title, why), labels in found.items()
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
            if key != RUNTIME and (count := cells[k].missing - len(bad)) > 0 and group.has(key)
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
        done = {outcome.run_id for outcome in group.outcomes}
        for row in group.rows:
            if row.id in done:
                continue
            if row.state == "finished":
                what = "is finished, but its result file is missing or damaged"
            elif row.state == "failed":
                what = f"failed ({row.failure})" if row.failure else "failed"
            else:
                what = f"is {row.state}" + (f" at step {row.step} of {row.total}" if row.total else "")
            notes.append(f"{label}: run {row.id} {what}; it is not in the numbers.")
    return notes
