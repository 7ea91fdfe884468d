"""What can be measured on a trained model (`workbench evaluate`, `evaluation.estimates`), with settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import ValidationError, field_validator

from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean
from workbench.spec.faults import fault_text
from workbench.spec.fields import Settings, no_half_precision, setting
from workbench.spec.overrides import parse_set
from workbench.text import safe_text


class EstimateSettings(Settings):
    """Base: `about` is one line for lists, `precision` the numbers the model is evaluated in."""

    about: ClassVar[str] = ""
    curves: ClassVar[bool] = True  # False: pictures, of whose numbers no curve is drawn
    needs: ClassVar[Literal["latents", "samples", "an energy-based prior"]] = (
        "latents"  # what a family must have
    )

    precision: Literal["float32", "float64"] = setting(
        "float32", "numbers the model computes in; sums of weights are float64 in any case"
    )
    _no_half_precision = field_validator("precision", mode="before")(no_half_precision)


class AIS(EstimateSettings):
    about = "log p(x) by annealed importance sampling with HMC, and a two-sided gap on model samples"

    images: int = setting(500, "test examples", "examples", ge=2, le=1_000_000)
    chains: int = setting(8, "chains per example", "chains", ge=1, le=10_000)
    temperatures: int = setting(500, "temperatures between base and posterior", ge=2, le=1_000_000)
    leapfrogs: int = setting(10, "leapfrog steps per transition; each costs one gradient", ge=1, le=1000)
    base: Literal["proposal", "prior"] = setting(
        "proposal", "what chains start from: the model's Gaussian proposal for q(z|x), or N(0, I)"
    )
    schedule: Literal["linear", "sigmoid"] = setting(
        "linear", "temperatures evenly spaced, or closer at both ends"
    )
    bdmc: int = setting(
        50, "samples of the model that get an upper bound as well; 0 for none", "examples", ge=0, le=100_000
    )


class IWAE(EstimateSettings):
    about = "importance-weighted lower bound on log p(x)"

    images: int = setting(500, "test examples", "examples", ge=2, le=1_000_000)
    draws: int = setting(5000, "draws k of the proposal per example", "draws", ge=1, le=1_000_000)


class Quadrature(EstimateSettings):
    about = "exact log p(x) of models with one or two latent dimensions, log Z of the prior included"

    images: int = setting(200, "test examples", "examples", ge=2, le=1_000_000)
    points: int = setting(300, "grid points per latent dimension over [-6, 6]", ge=20, le=10_000)


class Probe(EstimateSettings):
    about = "labels read off the latents: logistic regression to convergence, and k nearest neighbours"

    variant: Literal["standard", "seed"] = setting(
        "standard", "features: standardised mean latents, or a ReLU of one latent sample (as published)"
    )
    train_size: int = setting(10_000, "training examples", "examples", ge=10, le=1_000_000)
    neighbours: int = setting(5, "k of the k-NN accuracy", "neighbours", ge=1, le=1000)


class RHat(EstimateSettings):
    about = "convergence of HMC chains on p(z|x): rank-normalised split R-hat, bulk and tail ESS, MCSE"

    images: int = setting(20, "test examples", "examples", ge=1, le=10_000)
    chains: int = setting(4, "chains per example, started far apart", "chains", ge=2, le=1000)
    draws: int = setting(500, "kept draws per chain", "draws", ge=16, le=1_000_000)
    warmup: int = setting(300, "transitions in which the step size adapts", ge=0, le=1_000_000)
    leapfrogs: int = setting(10, "leapfrog steps per transition", ge=1, le=1000)


class TwoSample(EstimateSettings):
    """Base of all distances between model samples and test data."""

    needs = "samples"

    samples: int = setting(1000, "model samples, and as many test examples", "samples", ge=16, le=100_000)
    draws: int = setting(4, "independent sets of samples", "draws", ge=2, le=1000)
    null_draws: int = setting(
        200, "random splits of real data into two sets of that size", "draws", ge=20, le=10_000
    )


class EnergyDistance(TwoSample):
    about = "energy distance between model samples and test data"


class MMD(TwoSample):
    about = "unbiased squared MMD between model samples and test data, Gaussian kernels; may be negative"


class SlicedW2(TwoSample):
    about = "sliced Wasserstein-2 distance between model samples and test data"

    projections: int = setting(256, "random directions", ge=1, le=100_000)


class Frechet(TwoSample):
    about = "Fréchet distance between Gaussians fitted to model samples and to test data (this is not FID)"

    samples: int = setting(2000, "model samples, and as many test examples", "samples", ge=16, le=100_000)
    null_draws: int = setting(
        20, "random splits of real data into two sets of that size", "draws", ge=20, le=10_000
    )
    space: Literal["pca-50", "pixels"] = setting(
        "pca-50", "features: 50 leading principal components of training data, or the data themselves"
    )


class PCA(EstimateSettings):
    about = "test latents in their principal components, written as arrays"
    curves = False

    images: int = setting(2000, "test examples", "examples", ge=4, le=100_000)


class TSNE(EstimateSettings):
    about = "test latents in two dimensions by t-SNE, written as arrays"
    curves = False

    images: int = setting(1000, "test examples", "examples", ge=16, le=20_000)
    perplexity: float = setting(30.0, "effective number of neighbours", ge=2.0, le=1000.0)


class Interpolation(EstimateSettings):
    about = "decoded straight lines between the latents of test examples, written as arrays"
    curves = False

    pairs: int = setting(8, "pairs of test examples of different classes", "pairs", ge=1, le=1000)
    steps: int = setting(9, "pictures from one to the other, ends included", ge=2, le=1000)


class LadderSettings(EstimateSettings):
    """Base of what runs chains at every temperature t = (i/N)^p from the prior to the posterior."""

    needs = "an energy-based prior"

    temperatures: int = setting(10, "N of the ladder", "temperatures", ge=1, le=1000)
    power: float = setting(3.0, "p of the ladder", gt=0.0, le=20.0)
    draws: int = setting(
        8, "parallel chains M per example and temperature", "chains", ge=8, le=10_000, multiple_of=2
    )
    steps: int = setting(
        0, "Langevin steps from a cold start; 0 takes the model's encode_steps", "steps", ge=0, le=1_000_000
    )


class Thermodynamic(LadderSettings):
    about = "LEBM: E_t[log p(x|z)] over a ladder of temperatures, and log p(x) by integrating it"

    images: int = setting(200, "test examples", "examples", ge=2, le=1_000_000)
    exchange: int = setting(
        0, "steps between exchanges of states of neighbouring temperatures; 0 never", "steps", ge=0, le=10_000
    )


class GradientVariance(LadderSettings):
    about = (
        "LEBM: variance of the gradients of vanilla, power (biased) and ti-full, from chains and from data"
    )

    images: int = setting(16, "training examples per batch", "examples", ge=1, le=100_000)
    batches: int = setting(10, "batches", "batches", ge=2, le=10_000)
    repeats: int = setting(4, "sets of chains per batch", "repetitions", ge=2, le=10_000)


OBJECTIVES = ("vanilla", "power", "ti-full")

ESTIMATES: dict[str, type[EstimateSettings]] = {
    "ais": AIS,
    "iwae": IWAE,
    "quadrature": Quadrature,
    "probe": Probe,
    "rhat": RHat,
    "energy": EnergyDistance,
    "mmd": MMD,
    "sliced-w2": SlicedW2,
    "frechet": Frechet,
    "pca": PCA,
    "tsne": TSNE,
    "interpolation": Interpolation,
    "thermodynamic": Thermodynamic,
    "gradient-variance": GradientVariance,
}


def estimate_class(metric: str) -> type[EstimateSettings]:
    """Return the settings class of a metric, or raise a WorkbenchError (exit code 3) with a suggestion."""
    if metric not in ESTIMATES:
        shown = safe_text(metric, 60, one_line=True)
        hint = did_you_mean(metric[:60], ESTIMATES) or f"Known: {', '.join(ESTIMATES)}."
        raise WorkbenchError(f"There is no evaluation '{shown}'.", hint, NOT_FOUND)
    return ESTIMATES[metric]


def estimate_settings(metric: str, values: Mapping[str, Any], source: str = "") -> EstimateSettings:
    """Return the checked settings of a metric; the first fault is a WorkbenchError in one sentence."""
    found = estimate_class(metric)
    try:
        return found.model_validate(dict(values))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=True)[0]
        key = str(fault["loc"][0]) if fault["loc"] else metric
        shown = safe_text(key, 60, one_line=True)
        place = f"{source}: " if source else ""
        raise WorkbenchError(f"{place}{shown}: {fault_text(fault, (key,), found)}") from None


def settings_from(metric: str, sets: Sequence[str], option: str = "--set") -> EstimateSettings:
    """Return the settings of a metric changed by `key=value` texts; `option` is said before a faulty one."""
    estimate_class(metric)
    values: dict[str, Any] = {}
    for text in sets:
        shown = f"{option} {safe_text(text, 120, one_line=True)}"
        if not re.match(r"[^=.]+=", text):
            raise WorkbenchError(f"{shown}: not of the form key=value.", "Like images=100.")
        change = parse_set(text, option)
        values.pop(change.keys[0], None)
        if change.value is not None:
            values[change.keys[0]] = change.value
            estimate_settings(metric, values, change.source)
    return estimate_settings(metric, values)


def planned(texts: Sequence[str]) -> dict[str, EstimateSettings]:
    """Return metric → settings of texts such as "ais images=100 chains=8"; a WorkbenchError for a fault."""
    found: dict[str, EstimateSettings] = {}
    for text in texts:
        metric, *sets = text.split() or [""]
        if metric in found:
            raise WorkbenchError(f"'{metric}' stands there twice.", "One text has all its settings.")
        found[metric] = settings_from(metric, sets, metric)
    return found
