"""What is known of a measured quantity: its name and unit, who can have it, and how tables treat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

NATS = "nats per example"

Need = Literal["latents", "samples", "a normalised prior", "an explicit posterior", "an energy-based prior"]
# the class variable of a family's settings that says whether it has it, and why a table has no number if not
CAPABILITIES: dict[Need, tuple[str, str]] = {
    "latents": ("has_latents", "it has no latents"),
    "samples": ("has_samples", "it draws no samples"),
    "a normalised prior": ("normalised_prior", "its prior is known only up to a constant"),
    "an explicit posterior": ("explicit_posterior", "its posterior is implicit and has no density"),
    "an energy-based prior": ("has_energy_prior", "its prior is not energy-based"),
}


@dataclass(frozen=True)
class Metric:
    """A named quantity. `better` is empty where neither direction is.

    `note` is a footnote for tables, in which `{splits}`, `{runs}` and `{draws}` become the number of random
    splits, the runs behind the rows, and the draws k of the rows' bounds.
    """

    label: str
    unit: str
    better: Literal["lower", "higher", ""]
    description: str
    reference: float | None = None  # a value to read its curve against, and what that is
    reference_name: str = ""
    span: tuple[float, float] | None = None  # the range that plots of its curve show, if not that of the data
    log: bool = False  # plots of its curve have a log axis
    needs: tuple[Need, ...] = ()  # what a family without it can never report it for
    # rows are ranked only if these settings agree, beside those of the data: (dotted key, what it is called)
    equal: tuple[tuple[str, str], ...] = ()
    column: Literal["always", "where given", ""] = ""  # of a table for which no metrics were chosen
    one_per: Literal["seed", "run", "data set"] = "seed"  # what has one value of it
    absent: str = "its evaluation gives none"  # why a finished run has none
    note: str = ""


Metrics = Mapping[str, Metric]


def lacking(family: Any, needs: tuple[Need, ...]) -> Need | None:
    """Return the first of `needs` that a family (its settings, or their class) does not meet, or None."""
    return next((need for need in needs if not getattr(family, CAPABILITIES[need][0])), None)


def beside_null(name: str, label: str, null: str, unit: str, description: str) -> Metrics:
    """Return the metrics of a distance between samples and data, beside the same between two real sets."""
    return {
        name: Metric(label, unit, "lower", description),
        f"{name}_null": Metric(null, unit, "", "the same between two real sets", one_per="data set"),
        f"{name}_null_95": Metric(
            f"{null}, 95 %", unit, "", "95 % of its draws are below", one_per="data set"
        ),
    }
