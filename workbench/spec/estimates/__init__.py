"""What can be measured on a trained model (`workbench evaluate`, `evaluation.estimates`), with settings.

An estimate is a subclass of `EstimateSettings` in a module of this package. A third party adds one through
the entry-point group `workbench.estimates`: the entry's name is the estimate's, its value the subclass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import ValidationError

from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean
from workbench.spec.estimates.base import EstimateSettings
from workbench.spec.fields import fault_text
from workbench.spec.metric import Metric
from workbench.spec.overrides import parse_set
from workbench.spec.registry import Registry

ESTIMATES: Registry[type[EstimateSettings]] = Registry(
    __name__,
    "workbench.estimates",
    lambda item: isinstance(item, type) and issubclass(item, EstimateSettings) and bool(item.name),
)


def known_estimates() -> dict[str, type[EstimateSettings]]:
    """Return the settings class of every usable estimate by name, in alphabetical order."""
    return dict(sorted(ESTIMATES.known().items()))


@cache
def estimate_metrics() -> dict[str, Metric]:
    """Return every metric that an estimate finds, by name."""
    return {name: metric for found in known_estimates().values() for name, metric in found.metrics.items()}


def estimate_of(metric: str) -> type[EstimateSettings] | None:
    """Return the estimate that finds a metric, or None if no estimate does."""
    return next((found for found in known_estimates().values() if metric in found.metrics), None)


def estimate_class(name: str) -> type[EstimateSettings]:
    """Return the settings class of an estimate.

    Raises:
        WorkbenchError: if there is none of that name (exit code NOT_FOUND), or its plug-in cannot be loaded.
    """
    found = ESTIMATES.find(name)
    if found is None:
        hint = did_you_mean(name, known_estimates()) or f"Known: {', '.join(known_estimates())}."
        raise WorkbenchError(f"There is no evaluation '{name}'.", hint, NOT_FOUND)
    return found


def estimate_settings(name: str, values: Mapping[str, Any], source: str = "") -> EstimateSettings:
    """Return the checked settings of an estimate; `source` is where the last of `values` was written.

    Raises:
        WorkbenchError: with the first fault in one sentence.
    """
    found = estimate_class(name)
    try:
        return found.model_validate(dict(values))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=True)[0]
        key = str(fault["loc"][0]) if fault["loc"] else name
        place = f"{source}: " if source else ""
        raise WorkbenchError(f"{place}{key}: {fault_text(fault, (key,), found)}") from None


def settings_from(name: str, sets: Sequence[str], option: str = "--set") -> EstimateSettings:
    """Return the settings of an estimate changed by `key=value` texts, which `option` precedes in messages.

    Raises:
        WorkbenchError: for an unknown estimate or the first faulty text.
    """
    estimate_class(name)
    values: dict[str, Any] = {}
    for text in sets:
        if not re.match(r"[^=.]+=", text):
            raise WorkbenchError(f"{option} {text}: not of the form key=value.", "Example: images=100.")
        change = parse_set(text, option)
        values.pop(change.keys[0], None)
        if change.value is not None:
            values[change.keys[0]] = change.value
            estimate_settings(name, values, change.source)
    return estimate_settings(name, values)


def planned(texts: Sequence[str]) -> dict[str, EstimateSettings]:
    """Return the settings by estimate of texts such as "ais images=100 chains=8".

    Raises:
        WorkbenchError: for the first faulty text.
    """
    found: dict[str, EstimateSettings] = {}
    for text in texts:
        name, *sets = text.split() or [""]
        if name in found:
            raise WorkbenchError(f"'{name}' is given twice.", "Put all its settings into one text.")
        found[name] = settings_from(name, sets, name)
    return found
