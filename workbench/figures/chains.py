"""Histograms of the three densities of a latent, and chains step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from workbench.figures.style import COLOURS, LINES, name, outside_legend, panels, width_of, wrapped_to
from workbench.figures.subjects import Options, Subject, array_of
from workbench.results.pca import view_span

SHOWN = 4  # latent dimensions
BINS = (12, 60)  # least and most
LABELS = {"base": "π₀(z)", "prior": "p(z)", "posterior": ""}
CHAINS = {"prior": "prior chains", "posterior": "posterior chains"}


def densities(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw the histograms of each of the first latent dimensions, overlaid: a row for each configuration.

    Raises:
        WorkbenchError: if a run's arrays are damaged (2).
    """
    shown = [{key: array_of(subject, key, 2) for key in LABELS} for subject in subjects]
    exact = {spec is not None and spec.model.has_energy_prior for spec in (s.shown.spec for s in subjects)}
    named = "p(z|x)" if exact == {True} else "q(z|x)" if exact == {False} else "p(z|x) or q(z|x)"
    labels = {**LABELS, "posterior": f"{named}, mean over x"}
    across = min(SHOWN if options.width > 5 else 2, max(found["prior"].shape[1] for found in shown))
    figure, axes = panels(options.width, across * len(subjects), each=options.width / across, ratio=0.95)
    for row, (subject, found) in enumerate(zip(subjects, shown, strict=True)):
        for dimension in range(across):
            here = axes[row * across + dimension]
            if dimension >= found["prior"].shape[1]:
                here.set_axis_off()
                continue
            values = {key: z[:, dimension].astype(float) for key, z in found.items()}
            bins = int(np.clip(2 * len(found["prior"]) ** (1 / 3), *BINS))
            span = view_span(np.concatenate(list(values.values())))
            for number, (key, draws) in enumerate(values.items()):
                filled = key == "posterior"
                here.hist(
                    draws[np.isfinite(draws)],
                    bins=bins,
                    range=span,
                    density=True,
                    histtype="stepfilled" if filled else "step",
                    facecolor="0.85" if filled else "none",
                    edgecolor=COLOURS[number],
                    linestyle=LINES[(3, 1, 0)[number]],
                    linewidth=1.1,
                    label=labels[key],
                    zorder=1 if filled else 2,
                )
            here.set_xlabel(f"z{_subscript(dimension + 1)}")
            if dimension == 0:
                named = wrapped_to(name(subject.label), width_of(here, height=True))
                here.set_ylabel("density" if len(subjects) == 1 else f"{named}\ndensity")
    outside_legend(figure, axes[0])
    return figure


def traces(subjects: Sequence[Subject], options: Options) -> Figure:
    """Draw z₁ of each chain at each step, the prior's beside the posteriors'; below it −log density.

    Raises:
        WorkbenchError: if a run's arrays are damaged (2).
    """
    rows = [(subject, what) for subject in subjects for what in ("z", "energy")]
    figure, axes = panels(options.width, 2 * len(rows), each=options.width / 2, ratio=0.62)
    for row, (subject, what) in enumerate(rows):
        for column, (key, title) in enumerate(CHAINS.items()):
            here = axes[2 * row + column]
            if what == "z":
                states = array_of(subject, key, 3)[:, :, 0]
            else:
                states = array_of(subject, f"{key}_energy", 2)
            for number, chain in enumerate(states.T):
                look = {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % 2]}
                here.plot(chain, linewidth=0.6, **look)
            if what == "energy":  # the start is far from where the chain lives: it would flatten the rest
                here.set_ylim(view_span(states[len(states) // 20 :].astype(float)))
            here.set_ylabel("z₁" if what == "z" else "−log density (nats)")
            here.set_xlabel("Langevin step" if what == "energy" else "")
            if what == "z":
                named = f"{name(subject.label)}: {title}" if len(subjects) > 1 else title
                here.set_title(wrapped_to(named, width_of(here)))
    return figure


def _subscript(number: int) -> str:
    return "".join(chr(0x2080 + int(digit)) for digit in str(number))
