"""The kinds of figure by name: what each shows, what it is made from, and what draws it.

Loads no library: `draw` names a function that is imported when a figure is made. It takes the subjects and
the options of `workbench.figures.subjects`, and returns a figure of matplotlib.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["curves", "latents", "samples", "noise", "estimate"]


@dataclass(frozen=True)
class Kind:
    """One kind of figure. `source` is what it is made from: files of a run, or the arrays of `estimate`."""

    name: str
    about: str
    draw: str  # "module:function"
    source: Source
    estimate: str = ""  # its settings are in workbench/spec/estimates
    text: Literal["", "curve", "points", "pictures"] = ""  # how it is printed in characters, if it can be


_ALL = (
    Kind(
        "curves",
        "metrics over training: the mean over seeds with a band",
        "workbench.figures.curves:curves",
        "curves",
        text="curve",
    ),
    Kind(
        "gradient-variance",
        "variance of the gradients over training, by objective",
        "workbench.figures.variance:gradient_variance",
        "noise",
    ),
    Kind(
        "metric-variance",
        "a metric against the variance of the gradient",
        "workbench.figures.variance:metric_variance",
        "noise",
    ),
    Kind(
        "integrand",
        "E_t[log p(x|z)] against the temperature t of thermodynamic integration",
        "workbench.figures.curves:integrand",
        "estimate",
        "thermodynamic",
    ),
    Kind(
        "latents",
        "latents of test examples by class; more than two dimensions by PCA",
        "workbench.figures.scatters:latents",
        "latents",
        text="points",
    ),
    Kind(
        "tsne",
        "latents of test examples by class, placed by t-SNE",
        "workbench.figures.scatters:tsne",
        "estimate",
        "tsne",
        text="points",
    ),
    Kind(
        "densities",
        "histograms of π₀(z), p(z) and p(z|x), by latent dimension",
        "workbench.figures.chains:densities",
        "estimate",
        "densities",
    ),
    Kind(
        "traces",
        "an LEBM's prior and posterior chains, step by step",
        "workbench.figures.chains:traces",
        "estimate",
        "traces",
    ),
    Kind(
        "samples",
        "samples of the model: pictures, or points over the data",
        "workbench.figures.pictures:samples",
        "samples",
        text="pictures",
    ),
    Kind(
        "reconstructions",
        "test examples, and below each what is decoded from its latent",
        "workbench.figures.pictures:reconstructions",
        "estimate",
        "reconstructions",
        text="pictures",
    ),
    Kind(
        "interpolations",
        "decoded straight lines between the latents of two test examples",
        "workbench.figures.pictures:interpolations",
        "estimate",
        "interpolation",
        text="pictures",
    ),
    Kind(
        "decoder",
        "the decoder's image of one latent dimension (a curve) or two (a grid)",
        "workbench.figures.pictures:decoder",
        "estimate",
        "decoder-grid",
    ),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
