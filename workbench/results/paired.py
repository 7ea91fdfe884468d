"""Differences between runs on the same test examples, with the errors that pairing leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workbench.results.compare import chosen_metrics, metric_column
from workbench.results.groups import Group
from workbench.results.table import Cell, Column, Table, exact_cell, number_text, printed_cell, text_cell
from workbench.spec.metrics import metric
from workbench.store.examples import Examples, read_examples
from workbench.store.paths import StorePaths


@dataclass(frozen=True)
class Paired:
    """The mean of `second − first` over `n` test examples that both were judged on.

    `se` is its standard error over examples: of these trained models, other test sets. `seed_se` is that of
    the difference between means over seeds (Welch): of this test set, other trainings; None below two seeds.
    """

    difference: float
    se: float | None
    n: int
    seed_se: float | None


def paired_difference(first: Examples, second: Examples) -> Paired | None:
    """Return the paired difference of one metric; None if no example is the same in both.

    Values of an example are first averaged over seeds. An example that the test set holds twice counts once.
    Source: Miller (2024), "Adding Error Bars to Evals" (paired differences).
    """
    _, at, other = np.intersect1d(first.ids, second.ids, return_indices=True)
    a, b = _usable(first.values)[:, at], _usable(second.values)[:, other]
    if not len(at) or not len(a) or not len(b):
        return None
    each = b.mean(0) - a.mean(0)
    each = each[np.isfinite(each)]
    if not len(each):
        return None
    se = float(each.std(ddof=1) / len(each) ** 0.5) if len(each) > 1 else None
    means = [values.mean(1) for values in (a, b)]
    seed_se = None
    if all(len(found) > 1 for found in means):
        seed_se = float(sum(found.var(ddof=1) / len(found) for found in means) ** 0.5)
    return Paired(float(each.mean()), se, len(each), seed_se)


def paired_table(
    store: StorePaths, groups: Sequence[Group], names: Sequence[str], metrics: Sequence[str] | None = None
) -> Table:
    """Return one row per metric and group after the first: its difference from the first group.

    Metrics are those with values per example in both, where the settings of data and likelihood let them
    compare. `names` are those of the groups; `metrics` narrows them to those named.

    Raises:
        WorkbenchError: for a metric that is neither known nor found in these runs (exit code NOT_FOUND).
    """
    wanted = chosen_metrics(groups, metrics) if metrics else None
    columns = (
        Column("metric", "metric"),
        Column("runs", "difference"),
        Column("paired", "mean"),
        Column("unit", "unit"),
        Column("n", "examples n", exact=True),
        Column("seed_se", "SE over seeds", exact=True),
    )
    found = [group_examples(store, group) for group in groups]
    rows = []
    for other, values in enumerate(found[1:], 1):
        for key in (key for key in found[0] if key in values and (wanted is None or key in wanted)):
            if groups[0].comparable(key) != groups[other].comparable(key):
                continue
            paired = paired_difference(found[0][key], values[key])
            if paired is not None:
                words = (metric(key).label, f"{names[other]} − {names[0]}")
                rows.append((*map(text_cell, words), *_cells(paired, metric_column(key).unit)))
    notes = [
        "Mean difference on the same test examples. (SE …): standard error over examples, for these trained "
        "models. SE over seeds: for other trainings on this test set."
    ]
    if not rows:
        notes = ["No metric has values per example in both, on the same examples and with the same data."]
    return Table("Paired differences", columns, tuple(rows), tuple(notes))


def group_examples(store: StorePaths, group: Group) -> dict[str, Examples]:
    """Return the values per example of a group's metrics, the seeds of all its runs below each other.

    A run whose examples are not those of the newest one is left out.
    """
    found: dict[str, Examples] = {}
    seen: set[int] = set()
    for outcome in group.outcomes:  # newest first: a repeated seed counts once
        new = [place for place, seed in enumerate(outcome.seeds) if seed not in seen]
        seen.update(outcome.seeds)
        for key, examples in read_examples(store.run(outcome.run_id)).items():
            rows = examples.values[new]
            if key not in found:
                found[key] = Examples(rows, examples.index, examples.ids)
            elif np.array_equal(found[key].ids, examples.ids):
                rows = np.concatenate([found[key].values, rows])
                found[key] = Examples(rows, examples.index, examples.ids)
    return found


def _usable(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows of seeds that have values: a diverged one has none."""
    return values[~np.isnan(values).all(1)]


def _cells(paired: Paired, unit: str) -> tuple[Cell, ...]:
    cell = Cell("number", mean=paired.difference, se=paired.se, n=paired.n, values=(paired.difference,))
    seeds = text_cell("")
    if paired.seed_se is not None:
        seeds = printed_cell(f"{paired.seed_se:.2g}", paired.seed_se)
    return replace(cell, text=number_text(cell)), text_cell(unit), exact_cell(paired.n), seeds
