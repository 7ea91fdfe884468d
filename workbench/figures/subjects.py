"""What a figure is made from: the runs of one configuration, and whether they have what a kind needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from workbench.errors import NOT_FOUND, USAGE, WorkbenchError
from workbench.figures.kinds import Kind
from workbench.results.groups import Group
from workbench.results.live import LiveRun
from workbench.results.series import Floats, Series
from workbench.spec.estimates import estimate_class, settings_from
from workbench.spec.metric import lacking
from workbench.store.evaluations import read_evaluations
from workbench.store.paths import RunPaths, StorePaths
from workbench.store.snapshots import Latents, Samples, read_npz

Arrays = Mapping[str, NDArray[Any]]
Snapshot = TypeVar("Snapshot", Latents, Samples)
NOISE = "gradient_"  # how the names of the curves of the estimate gradient-variance begin
CURVES = "evaluation.estimates and evaluation.estimates_every of its spec make them"
ARRAYS = (
    *("points", "images", "data", "labels", "z", "base", "prior", "posterior", "prior_energy"),
    *("posterior_energy", "temperatures", "mean", "error", "variance"),
)  # names in the files of estimates


@dataclass(frozen=True)
class Options:
    """What a figure shows: `seed` and `step` of None are the first seed and the newest step."""

    width: float = 3.3  # inches
    metrics: tuple[str, ...] = ()
    split: str = ""
    seed: int | None = None
    step: int | None = None
    log: bool = False
    band: str = "std"  # or range


@dataclass(frozen=True)
class Subject:
    """Runs that differ only in their seeds, newest first, under the name that they have in the figure.

    `place` is where the shown seed is on the first axis of `arrays` and of the snapshots of `shown`.
    """

    label: str
    group: Group
    runs: tuple[LiveRun, ...]
    shown: LiveRun
    place: int
    arrays: Arrays = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """The seed of which one is shown."""
        return self.shown.seeds[self.place]

    def latents(self, step: int | None) -> Latents:
        """Return the latents of a step, or the newest.

        Raises:
            WorkbenchError: if there are none to read for the shown seed (3).
        """
        return self._snapshot("latents", step, self.shown.latents(step), self.shown.latent_steps())

    def samples(self, step: int | None) -> Samples:
        """Return the samples of a step, or the newest.

        Raises:
            WorkbenchError: if there are none to read for the shown seed (3).
        """
        return self._snapshot("samples", step, self.shown.samples(step), self.shown.sample_steps())

    def _snapshot(self, what: str, step: int | None, found: Snapshot | None, steps: list[int]) -> Snapshot:
        if found is None or self.place >= found.seeds:
            known = ", ".join(map(str, steps))
            raise WorkbenchError(
                f"{self.shown.id} has no {what} of step {step}.", f"Steps: {known}.", NOT_FOUND
            )
        return found

    def curves(self) -> list[tuple[str, str]]:
        """Return (metric, split) of every curve that all runs have."""
        first, *others = (run.names() for run in self.runs)
        return [name for name in first if all(name in found for found in others)]

    def curve(self, metric: str, split: str) -> Series:
        """Return a curve of all seeds: at the steps that every run has, each seed once, of its newest run."""
        series = [run.series(metric, split) for run in self.runs]
        if len(series) == 1:
            return series[0]
        steps = series[0].steps
        for other in series[1:]:
            steps = np.intersect1d(steps, other.steps)
        taken: set[int] = set()
        columns: list[Floats] = []
        for run, found in zip(self.runs, series, strict=True):
            rows = np.searchsorted(found.steps, steps)
            for place, seed in enumerate(run.seeds[: found.seeds]):
                if seed not in taken:
                    taken.add(seed)
                    columns.append(found.values[rows, place])
        pooled = Series(metric, split, len(columns))
        rows = np.searchsorted(series[0].steps, steps)
        pooled.append(steps, series[0].epochs[rows], series[0].seconds[rows], np.stack(columns, 1))
        return pooled


def with_seed(runs: Sequence[LiveRun], seed: int | None) -> LiveRun:
    """Return the first of the runs that has the seed; the first of all if none has it, or it is None."""
    return next((run for run in runs if seed in run.seeds), runs[0])


def subject(group: Group, runs: Sequence[LiveRun], label: str, options: Options) -> Subject:
    """Return the runs of a group, newest first, as the subject of a figure.

    Raises:
        WorkbenchError: if none of them has the seed that is asked for (3).
    """
    shown = with_seed(runs, options.seed)
    if options.seed is not None and options.seed not in shown.seeds:
        known = ", ".join(map(str, group.seeds))
        raise WorkbenchError(f"{group.name} has no seed {options.seed}.", f"Its seeds: {known}.", NOT_FOUND)
    place = 0 if options.seed is None else shown.seeds.index(options.seed)
    return Subject(label, group, tuple(runs), shown, place)


def usual_metrics(subjects: Sequence[Subject]) -> tuple[str, ...]:
    """Return the metric shown if none is chosen: one with curves of training and test, the loss, or any.

    Raises:
        WorkbenchError: if they have none in common (3).
    """
    shared = [found for found, _ in subjects[0].curves()]
    for subject in subjects[1:]:
        known = {found for found, _ in subject.curves()}
        shared = [found for found in shared if found in known]
    if not shared:
        raise WorkbenchError("The runs have no curve in common.", "Choose fewer runs.", NOT_FOUND)
    twice = [metric for metric in shared if shared.count(metric) > 1]  # in training and on test data
    preferred = [metric for metric in ("loss", *twice[:1]) if metric in twice]
    return (*preferred, *(["loss"] if "loss" in shared else shared))[:1]


def read_run(store: StorePaths, run_id: str) -> LiveRun:
    """Return a run with all its curves read."""
    live = LiveRun(store, run_id)
    while live.poll():  # a large metrics file is read in parts
        pass
    return live


def lack(kind: Kind, run: LiveRun) -> str:
    """Return in a clause what a run lacks for a kind of figure; empty if it has it, or can compute it."""
    if kind.source == "latents":
        return "" if run.latent_steps() else "it has no snapshots of latents"
    if kind.source == "samples":
        return "" if run.sample_steps() else "it has no snapshots of samples"
    if kind.source == "noise":
        ok = any(name.startswith(NOISE) for name, _ in run.names())
        return "" if ok else f"it has no curves of gradient-variance; {CURVES}"
    if kind.source == "curves":
        return "" if run.names() else "it has no curves yet"
    if stored_arrays(run.paths, kind.estimate):
        return ""
    if run.spec is None:
        return "its spec cannot be read here"
    if need := lacking(run.spec.model, estimate_class(kind.estimate).needs):
        return f"it needs {need}, and the family {run.spec.model.kind} has none"
    if not run.progress.over:
        return f"it is computed after the end of a run, and this one is {run.progress.state}"
    return (
        ""
        if any(run.paths.checkpoints.glob("*.json"))
        else "it is computed from a checkpoint, and the run has none"
    )


def stored_arrays(paths: RunPaths, estimate: str, sets: Sequence[str] = ()) -> Arrays:
    """Return the arrays of the newest evaluation of a run by `estimate`; empty if there is none.

    With `sets`, "key=value" texts, only one that was made with these settings counts.
    """
    wanted = settings_from(estimate, sets).model_dump(mode="json") if sets else None
    for found in reversed(read_evaluations(paths)):
        fits = wanted is None or found.settings == wanted
        if found.metric == estimate and found.arrays is not None and fits:
            return read_npz(paths.evaluations / found.arrays, ARRAYS)
    return {}


def array_of(subject: Subject, name: str, axes: int) -> NDArray[Any]:
    """Return the part of an array that belongs to the shown seed; `axes` counts its axes without the seeds'.

    Raises:
        WorkbenchError: if the file of the run is damaged (2).
    """
    found = subject.arrays.get(name)
    if found is None or found.ndim != axes + 1 or len(found) <= subject.place or found.size == 0:
        raise WorkbenchError(
            f"Cannot read the {name} of {subject.shown.id}.", "Compute them again with --again.", USAGE
        )
    return found[subject.place]
