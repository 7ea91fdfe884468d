"""What Launch is about to queue: a preset with changes, a grid and seeds, checked as it is typed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.ui.formatting import duration, plural

if TYPE_CHECKING:
    from workbench.api.presets import FormField, Preset
    from workbench.api.queue import Forecast
    from workbench.spec.schema import RunSpec

FAMILY = "model.kind"


@dataclass(frozen=True)
class Plan:
    """What queueing would do, or the sentence that says why it cannot be."""

    specs: tuple[RunSpec, ...] = ()
    runs: int = 0  # of the queue: a family that does not stack makes one a seed
    models: int = 0  # trained members over all runs
    forecast: Forecast | None = None  # of the first spec
    fault: str = ""

    @property
    def text(self) -> str:
        """The plan in words."""
        if self.fault:
            return self.fault
        each = self.models // self.runs if self.runs and self.models % self.runs == 0 else 0
        runs = f"{plural(self.runs, 'run')} of {plural(each, 'seed')}" if each else plural(self.runs, "run")
        if self.runs > 1:
            runs += f"{' each' if each else ''}: {plural(self.models, 'model')}"
        if self.forecast is None:
            return f"{runs}. Expected time: unknown on this machine yet."
        about = f"about {duration(self.forecast.seconds)}" + (" a run" if self.runs > 1 else "")
        known = f"{plural(self.forecast.runs, 'run')} of {self.forecast.basis}"
        return f"{runs}. Expected time: {about}, learnt from {known} here."


@dataclass
class Draft:
    """A preset and what the user changed. `changes` maps a key to the text typed for it."""

    preset: Preset
    changes: dict[str, str] = field(default_factory=dict)
    grid: str = ""
    seeds: str = ""

    @property
    def overrides(self) -> list[str]:
        """The changes as they could be typed after --set."""
        return [f"{key}={text}" for key, text in self.changes.items()]

    def fields(self) -> list[FormField]:
        """Return every setting as it stands. Raises WorkbenchError if the preset itself is wrong."""
        from workbench.api.presets import form_fields, resolve

        return form_fields(resolve(self.preset, self.overrides))

    def originals(self) -> dict[str, str]:
        """Return the preset's own text of every setting; in another family, what that makes of it."""
        from workbench.api.presets import form_fields, resolve

        family = [f"{FAMILY}={self.changes[FAMILY]}"] if FAMILY in self.changes else []
        own = {item.key: item.text for item in form_fields(resolve(self.preset, family))}
        return {**own, FAMILY: self.preset.kind}

    def put(self, key: str, text: str) -> str:
        """Take a text for a setting; return what there is to say about it, or an empty string.

        Another family drops the changes it does not take. Raises WorkbenchError for a text that is wrong, or
        for one that would not work; nothing is changed then.
        """
        from workbench.api.presets import resolve

        changes, note = {**self.changes, key: text}, ""
        if key == FAMILY:
            changes, note = self._family(text)
        resolve(self.preset, [f"{name}={value}" for name, value in changes.items()])
        self.changes = changes
        if text == self.originals().get(key):
            del self.changes[key]
        return note

    def _family(self, text: str) -> tuple[dict[str, str], str]:
        """Return the changes that another family takes, and the sentence about what it does not."""
        from workbench.api.presets import family_note, left_out, misfits
        from workbench.spec.overrides import parse_value

        kind = parse_value(text)
        typed = [item for item in self.fields() if item.section == "model" and item.key in self.changes]
        gone = misfits({item.name: item.value for item in typed if item.key != FAMILY}, kind)
        kept = {key: value for key, value in self.changes.items() if key.removeprefix("model.") not in gone}
        note = family_note(kind, [*gone, *left_out(self.preset, kind)])
        return {**kept, FAMILY: text}, note

    def fault_of(self, key: str, text: str) -> str:
        """Return what is wrong with `text` for the setting `key`, or an empty string."""
        try:
            Draft(self.preset, dict(self.changes)).put(key, text)
        except WorkbenchError as error:
            return without_source(str(error), key)
        return ""

    def plan(self, store: Any) -> Plan:
        """Work out what queueing would do. May take a second for a large grid: call it in a thread."""
        from workbench.api.presets import expand
        from workbench.api.queue import forecast
        from workbench.spec.models import settings_class

        try:
            specs = expand(self.preset, self.overrides, split_grid(self.grid), self.seeds.strip() or None)
            runs = [1 if settings_class(spec.model.kind).stackable else len(spec.seeds) for spec in specs]
            models = sum(len(spec.seeds) for spec in specs)
            return Plan(tuple(specs), sum(runs), models, forecast(store, specs[0]))
        except WorkbenchError as error:
            return Plan(fault=re.sub(r"^--(grid|set) ", "", str(error)))


def split_grid(text: str) -> list[str]:
    """Return the `key=values` parts of a line such as `model.latent=2,8 training.lr=1e-3,1e-4`."""
    return [part.strip() for part in re.split(r"[\s;]+(?=[A-Za-z0-9_.-]+\s*=)", text.strip()) if part.strip()]


def without_source(sentence: str, key: str) -> str:
    """Return a sentence without the place it names, where the field itself is that place."""
    cut = re.sub(rf"^--set {re.escape(key)}=.*?: {re.escape(key)}: ", "", sentence, count=1, flags=re.DOTALL)
    return cut[:1].upper() + cut[1:] if cut != sentence else re.sub(r"^--set ", "", sentence)
