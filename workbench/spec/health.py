"""Whether a run is healthy: the verdict, and the checks it follows from (docs/health.md).

A check names one number of a run and the range in which that number is unremarkable. A family declares its
own as `ModelSettings.checks`; `GENERAL` holds for all. A check of the same number replaces a general one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Verdict = Literal["healthy", "doubtful", "unhealthy"]
VERDICTS: tuple[Verdict, ...] = ("healthy", "doubtful", "unhealthy")  # the worst one last
MARKS: dict[str, str] = {"healthy": "", "doubtful": "?", "unhealthy": "!"}  # ASCII; no colour is needed
Limits = tuple[float | None, float | None]  # from where on a number is doubtful, and unhealthy
NO_LIMITS: Limits = (None, None)


class Health(NamedTuple):
    """The verdict on one seed, and the reasons if it is not healthy, the gravest first."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """One number of a run and its limits.

    `source` is a curve ("train:acceptance"), a final metric ("result:ti_converged"), or a number measured on
    the final state ("state:sample_spread"; `LatentModel.health`). Of a curve, `of` takes one number. Tenths
    and quarters count with their medians, so that single points do not matter:

    - end: the mean of the last tenth
    - rise: the last tenth above the lowest one, over the fall to it from the first point
    - drift: the third quarter above the last one, over the fall from the first tenth to the lowest
    - fall: from the first point to the lowest tenth, over the median step between neighbouring points
    - travel: largest minus smallest value of the second half, over the size of its median

    The fall under rise and drift counts as at least three such steps: less is noise.

    Below the first number of `low` the seed is doubtful, below the second unhealthy; `high` likewise. A check
    whose number a run does not have is left out, and one whose setting `unless` of the model is true.
    `reason` is a sentence with `{value}`.
    """

    source: str
    reason: str
    of: Literal["end", "rise", "drift", "fall", "travel"] = "end"
    low: Limits = NO_LIMITS
    high: Limits = NO_LIMITS
    unless: str = ""

    @property
    def key(self) -> str:
        """What is checked: "train:loss rise", "state:sample_spread"."""
        return self.source if self.of == "end" else f"{self.source} {self.of}"

    def verdict(self, value: float) -> Verdict:
        """Judge the number; NaN is unhealthy."""
        found: Verdict = "unhealthy" if math.isnan(value) else "healthy"
        for level, low, high in zip(VERDICTS[1:], self.low, self.high, strict=True):
            if (low is not None and value < low) or (high is not None and value > high):
                found = level
        return found


LOSS_ROSE = Check(
    "train:loss",
    "the loss rose: it ended {value:.3g} of its fall above its best",
    of="rise",
    high=(0.3, 1.0),
)
GENERAL: tuple[Check, ...] = (
    LOSS_ROSE,
    Check(
        "train:loss",
        "the loss still fell: {value:.0%} of its fall came in the last quarter",
        of="drift",
        high=(0.25, None),
    ),
    Check(
        "train:loss",
        "the loss hardly fell: {value:.2g} times the step between two points",
        of="fall",
        low=(1.0, None),
    ),
    Check(
        "state:latent_use",
        "latents are not used: with those of another example the error grows by {value:.1%} of itself",
        low=(0.05, 0.01),
    ),
    Check(
        "state:sample_spread",
        "the spread of samples is {value:.2g} times that of the data",
        low=(0.2, 0.05),
        high=(8.0, 50.0),
    ),
)


def judge(checks: Iterable[Check], numbers: dict[str, float | None]) -> Health:
    """Return the verdict on one seed with these numbers by `Check.key`; None is a number it does not have."""
    found: list[tuple[int, str]] = []
    for check in checks:
        value = numbers.get(check.key)
        level = 0 if value is None else VERDICTS.index(check.verdict(value))
        if level:
            found.append((level, check.reason.format(value=value)))
    found.sort(key=lambda pair: -pair[0])
    return Health(VERDICTS[max((level for level, _ in found), default=0)], tuple(text for _, text in found))


def worst(found: Iterable[Health]) -> Verdict | Literal[""]:
    """Return the gravest verdict of several seeds; empty if there is none."""
    places = [VERDICTS.index(one.verdict) for one in found]
    return VERDICTS[max(places)] if places else ""


def health_text(found: Sequence[Health]) -> str:
    """Return the gravest verdict in words, with its mark and how many of several seeds have it."""
    verdict = worst(found)
    count = sum(one.verdict == verdict for one in found)
    share = f" {count}/{len(found)}" if verdict != "healthy" and len(found) > 1 else ""
    return f"{verdict}{share} {MARKS[verdict]}".rstrip() if verdict else ""


def health_reasons(seeds: Sequence[int], found: Sequence[Health]) -> list[str]:
    """Return a sentence for each seed that is not healthy, such as "seed 1 is unhealthy: …"."""
    return [
        f"Seed {seed} is {one.verdict}: {'; '.join(one.reasons)}."
        for seed, one in zip(seeds, found, strict=False)
        if one.verdict != "healthy"
    ]
