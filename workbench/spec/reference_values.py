"""Values from the literature that a study's table shows beside its own: read from the study's file.

[published]
source = "Who, when, where, and under which conditions that differ"
[published.ais]                                   # the metric it is shown beside
"avb-8d-mnist" = "-91.2 ± 0.6"                    # the row: a preset,
"lae-2d-mnist model.transitions=2" = "136.04"     # and settings where a preset has several rows,
"label: VAE ns=5" = "0.9261"                      # or the label of a run
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError, did_you_mean
from workbench.spec.metrics import METRICS
from workbench.toml import Document

KEY = "published"
LABEL = "label: "
_NUMBER = re.compile(r"(?P<number>[-+−]?\d+(\.\d+)?)(\s*±\s*(?P<spread>\d+(\.\d+)?))?")


@dataclass(frozen=True)
class Value:
    """One published number: the row it belongs to, its text as printed, and the number in front of it."""

    metric: str
    preset: str
    settings: tuple[tuple[str, str], ...]  # dotted key, and the text of its value
    text: str
    number: float
    spread: float | None = None  # what follows ±
    label: str = ""  # of the row, in place of a preset

    def belongs(self, preset: str, settings: Mapping[str, Any], label: str) -> bool:
        """Whether it was published for a row of this label, or of this preset with these settings."""
        if self.label:
            return self.label == label
        return self.preset == preset and all(str(settings.get(key)) == text for key, text in self.settings)


@dataclass(frozen=True)
class Published:
    """All published values of a study and where they come from."""

    source: str = ""
    values: tuple[Value, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the values as a study's file has them."""
        found: dict[str, Any] = {"source": self.source or "unknown"}
        for value in self.values:
            row = " ".join([value.preset, *(f"{key}={text}" for key, text in value.settings)])
            found.setdefault(value.metric, {})[f"{LABEL}{value.label}" if value.label else row] = value.text
        return found

    def find(self, metric: str, preset: str, settings: Mapping[str, Any], label: str = "") -> Value | None:
        """Return the value of a row's metric, that of its label or with most settings first, or None."""
        found = [v for v in self.values if v.metric == metric and v.belongs(preset, settings, label)]
        return max(found, key=lambda value: (bool(value.label), len(value.settings)), default=None)


NO_VALUES = Published()


def read_published(document: Document) -> Published:
    """Return the published values in a study's file; none where it has no such section.

    Raises:
        WorkbenchError: with file and line of the first fault.
    """
    table = document.table.get(KEY)
    if table is None:
        return NO_VALUES
    if not isinstance(table, dict) or not isinstance(table.get("source"), str) or not table["source"].strip():
        raise WorkbenchError(
            f'{document.where(KEY)}: {KEY}: must be a section with source = "…", where the values come from.'
        )
    values = []
    for metric, rows in table.items():
        if metric == "source":
            continue
        if metric not in METRICS:
            hint = did_you_mean(metric, METRICS)
            raise WorkbenchError(f"{document.where(KEY, metric)}: there is no metric '{metric}'.", hint)
        if not isinstance(rows, dict):
            raise WorkbenchError(f'{document.where(KEY, metric)}: must be a section of "preset" = "value".')
        values += [_value(document, metric, row, text) for row, text in rows.items()]
    return Published(" ".join(table["source"].split()), tuple(values))


def reported_value(metric: str, row: str, text: str) -> Value:
    """Return a published number of a row: "preset key=value …" or "label: …".

    Raises:
        WorkbenchError: if the text does not begin with a number, or the row is not named so.
    """
    number = _NUMBER.match(text)
    if number is None:
        raise WorkbenchError(f'{row}: must be text that begins with a number, "-91.2 ± 0.6".')
    spread = float(number["spread"]) if number["spread"] else None
    value = float(number["number"].replace("−", "-"))
    if row.startswith(LABEL):
        return Value(metric, "", (), text[:60], value, spread, row.removeprefix(LABEL))
    preset, *settings = row.split()
    pairs = [tuple(part.split("=", 1)) for part in settings]
    if any(len(pair) != 2 for pair in pairs):
        raise WorkbenchError(f'{row}: a row is named "preset key=value …" or "label: …".')
    return Value(metric, preset, tuple((pair[0], pair[1]) for pair in pairs), text[:60], value, spread)


def _value(document: Document, metric: str, row: str, text: Any) -> Value:
    place = document.where(KEY, metric, row)
    try:
        return reported_value(metric, row, text if isinstance(text, str) else "")
    except WorkbenchError as error:
        raise WorkbenchError(f"{place}: {error.title}") from None
