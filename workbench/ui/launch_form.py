"""What Launch is about to queue: a preset with changes, a grid and seeds, checked as it is typed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench import api
from workbench.errors import WorkbenchError
from workbench.text import format_duration, plural

if TYPE_CHECKING:
    from workbench.api.presets import FormField, Preset
    from workbench.api.queue import Forecast
    from workbench.spec.schema import RunSpec

FAMILY = "model.kind"


@dataclass(frozen=True)
class Plan:
    """What queueing would do, or the sentence that says why it cannot be done."""

    specs: tuple[RunSpec, ...] = ()
    runs: int = 0  # of the queue: a family that does not stack makes one per seed
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
        about = f"about {format_duration(self.forecast.seconds)}" + (" per run" if self.runs > 1 else "")
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
    def changed(self) -> bool:
        """Whether it differs from the preset as it is."""
        return bool(self.changes or self.grid or self.seeds)

    @property
    def overrides(self) -> list[str]:
        """The changes as --set takes them."""
        return [f"{key}={text}" for key, text in self.changes.items()]

    def fields(self) -> list[FormField]:
        """Return every setting with its present value. Raises WorkbenchError if the preset is invalid."""
        return api.presets.form_fields(api.presets.resolve(self.preset, self.overrides))

    def originals(self) -> dict[str, str]:
        """Return the preset's own text of every setting; in another family, what that makes of it."""
        family = [f"{FAMILY}={self.changes[FAMILY]}"] if FAMILY in self.changes else []
        own = api.presets.form_fields(api.presets.resolve(self.preset, family))
        return {**{item.key: item.text for item in own}, FAMILY: self.preset.kind}

    def put(self, key: str, text: str) -> str:
        """Take a text for a setting; return a remark about it, or an empty string.

        Another family drops the changes it does not take. Raises WorkbenchError for an invalid text;
        nothing is changed then.
        """
        changes, remark = {**self.changes, key: text}, ""
        if key == FAMILY:
            kind = text.strip("\"' ")
            typed = [item for item in self.fields() if item.section == "model" and item.key in self.changes]
            own = {item.name: item.value for item in typed if item.key != FAMILY}
            gone = api.presets.misfits(own, kind)
            remark = api.presets.family_note(kind, [*gone, *api.presets.left_out(self.preset, kind)])
            changes = {k: v for k, v in changes.items() if k.removeprefix("model.") not in gone}
        api.presets.resolve(self.preset, [f"{name}={value}" for name, value in changes.items()])
        self.changes = changes
        if text == self.originals().get(key):
            del self.changes[key]
        return remark

    def fault_of(self, key: str, text: str) -> str:
        """Return what is wrong with `text` for the setting `key`, or an empty string."""
        try:
            replace(self, changes=dict(self.changes)).put(key, text)
        except WorkbenchError as error:  # without the place it names: the field itself is that place
            place = rf"^--set {re.escape(key)}=.*?: {re.escape(key)}: "
            cut = re.sub(place, "", str(error), count=1, flags=re.DOTALL)
            return cut[:1].upper() + cut[1:] if cut != str(error) else cut.removeprefix("--set ")
        return ""

    def plan(self, store: Any) -> Plan:
        """Work out what queueing would do. May take a second for a large grid: call it in a thread."""
        try:
            sweep, seeds = read_sweep(self.grid), self.seeds.strip() or None
            overrides = [*self.overrides, *sweep.pop("laws")]
            specs = api.presets.expand(self.preset, overrides, seeds=seeds, **sweep)
            runs = [1 if spec.model.stackable else len(spec.seeds) for spec in specs]
            models = sum(len(spec.seeds) for spec in specs)
            return Plan(tuple(specs), sum(runs), models, api.queue.forecast(store, specs[0]))
        except WorkbenchError as error:
            return Plan(fault=re.sub(r"^--(grid|set|zip) ", "", str(error)))


def read_sweep(text: str) -> dict[str, Any]:
    """Return what the grid field asks of `api.presets.expand`: its arguments, and overrides as `laws`.

    The line is as on the command line without --grid and --set: `model.latent=2,8 training.lr=1e-3,1e-4`, or
    `--zip model.latent=2,8 --zip training.lr=1e-3,1e-4`, or `--random 9 training.lr=loguniform(1e-4, 1e-2)`.

    Raises:
        WorkbenchError: for another option, or a number of draws that is none.
    """
    found: dict[str, Any] = {"laws": [], "grid": [], "zipped": [], "draws": None, "draw_seed": 0}
    option = ""
    for part in re.split(r"[\s;]+(?=--|[A-Za-z0-9_.-]+\s*=)", text.strip()):
        if part.startswith("--"):
            option, _, value = part.partition(" ")
            if option in ("--random", "--random-seed"):
                if not re.fullmatch(r"\d{1,9}", value.strip()) or (option == "--random" and not int(value)):
                    raise WorkbenchError(f"{option} needs a whole number.", "Example: --random 20.")
                found["draws" if option == "--random" else "draw_seed"] = int(value)
            elif option not in ("--zip", "--grid", "--set") or value.strip():
                raise WorkbenchError(
                    f"Cannot read '{part[:60]}'.", "Options: --zip, --random, --random-seed."
                )
        elif part:
            kind = "laws" if api.presets.is_law(part) else "zipped" if option == "--zip" else "grid"
            found[kind].append(part)
            option = ""
    return found
