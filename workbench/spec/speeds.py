"""How long runs of the shipped studies take on the reference machine, where no run here says it."""

from __future__ import annotations

from workbench.spec.study_plan import PlannedRun

# Updates per second of wall-clock time, start and evaluation included, of one run with one seed: measured
# on two AMD EPYC cores, torch 2.13.0 CPU, one thread (docs/results/studies/).
UPDATES_PER_SECOND: dict[str, float] = {}


def seconds(run: PlannedRun) -> float | None:
    """Return the expected seconds of a run with all its seeds, None where its preset was not measured.

    Seeds count in full, though small nets train stacked for less: the forecast is an upper estimate.
    """
    rate = UPDATES_PER_SECOND.get(run.preset)
    return run.steps * len(run.spec.seeds) / rate if rate and run.steps else None
