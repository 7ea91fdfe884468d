"""From a preset and changes on top of it to a checked RunSpec, or one sentence saying what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ValidationError

from workbench.errors import NOT_FOUND, WorkbenchError, did_you_mean
from workbench.spec.data.settings import DataSettings
from workbench.spec.fields import fault_text
from workbench.spec.models import is_kind, model_kinds, settings_class
from workbench.spec.names import differences, run_name
from workbench.spec.overrides import Override, apply, parse_set
from workbench.spec.points import is_law, sweep_points
from workbench.spec.presets import Preset, find_preset
from workbench.spec.schema import RunSpec
from workbench.spec.seeds import seeds_from
from workbench.toml import parse_toml

Keys = tuple[str, ...]
Seeds = str | int | Sequence[int] | None  # "3" or 3 for 0, 1, 2; "0,7,9" or a list; None leaves the preset's
Locate = Callable[[Keys], str]  # where a key was written: "presets/x.toml:5", "--set …", or ""
MOST = 4  # settings that one sentence names


def resolve(preset: Preset | str, overrides: Sequence[str] = (), seeds: Seeds = None) -> RunSpec:
    """Return the spec of a preset with `overrides` ("training.lr=1e-4") and `seeds` ("3" or "0,7,9").

    Raises:
        WorkbenchError: with the first fault and where it was written.
    """
    return expand(preset, overrides, seeds=seeds)[0]


def expand(
    preset: Preset | str,
    overrides: Sequence[str] = (),
    grid: Iterable[str] = (),
    seeds: Seeds = None,
    *,
    zipped: Iterable[str] = (),
    draws: int | None = None,
    draw_seed: int = 0,
) -> list[RunSpec]:
    """Return one spec for each point of a sweep, named after what differs from the preset.

    `grid` and `zipped` are texts such as "model.latent=2,8,16"; an override such as
    "training.lr=loguniform(1e-4, 1e-2)" is drawn `draws` times. Points that come out the same are kept once.

    Raises:
        WorkbenchError: with the first fault and where it was written.
    """
    preset = _usable(preset)
    changes = [parse_set(text) for text in overrides if not is_law(text)]
    points = sweep_points(grid, zipped, filter(is_law, overrides), draws, draw_seed)
    name = _namer(preset, changes)
    specs: dict[str, RunSpec] = {}
    for point in points:
        spec = _build(preset, [*changes, *point], seeds)
        spec = spec.model_copy(update={"name": name(spec, point)})
        specs.setdefault(spec.model_dump_json(exclude={"name"}), spec)
    return list(specs.values())


def parse_spec(text: str, label: str = "spec.toml") -> RunSpec:
    """Return the RunSpec written in TOML text, as in a run folder.

    Raises:
        WorkbenchError: with the first fault and its line.
    """
    document = parse_toml(text, label)
    return validate(document.table, lambda keys: document.where(*keys))


def validate(table: dict[str, Any], locate: Locate = lambda keys: "") -> RunSpec:
    """Return the RunSpec of a plain table; `locate` knows where each key was written.

    Raises:
        WorkbenchError: with the first fault and its place.
    """
    _check_kind(table.get("model"), locate)
    try:
        return RunSpec.model_validate(table)
    except ValidationError as error:
        raise _complaint(error, table, locate) from None
    except WorkbenchError as error:  # a plug-in's own check
        raise WorkbenchError(_placed(locate(("model",)), str(error)), exit_code=error.exit_code) from None


def data_settings(overrides: Sequence[str]) -> DataSettings:
    """Return the data settings that `overrides` ("data.labels=y") make of the defaults.

    Raises:
        WorkbenchError: with the first fault, and for a setting of another section.
    """
    changes = [parse_set(text) for text in overrides]
    for change in changes:
        if change.keys[0] != "data":
            raise WorkbenchError(f"{change.source}: only settings of data apply here.")

    def locate(keys: Keys) -> str:
        return next((change.source for change in reversed(changes) if change.keys == keys), "")

    rest = {"model": {"kind": model_kinds()[0]}, "training": {"epochs": 1}}
    return validate(apply({**rest, "data": {}}, changes), locate).data


# ---- another family in place of the preset's own: what the preset sets for its own family may not fit


def misfits(model: Mapping[str, Any], kind: Any) -> list[str]:
    """Return the keys of a [model] table that the family `kind` does not know, or not with such a value.

    Empty where `kind` is no family: `validate` reports that.
    """
    if not is_kind(kind):
        return []
    try:
        settings_class(kind).model_validate({**model, "kind": kind})
    except ValidationError as error:
        wrong = {fault["loc"][0] for fault in error.errors(include_url=False) if fault["loc"]}
        return [key for key in model if key in wrong]
    except WorkbenchError:  # a plug-in's own check; reported when the whole spec is checked
        pass
    return []


def left_out(preset: Preset, kind: Any) -> list[str]:
    """Return the model settings of a preset that go when its family is exchanged for `kind`.

    Only what its own family knows may go: a misspelt key stays, so that validation reports it.
    """
    if kind == preset.kind or not is_kind(preset.kind):
        return []
    own = settings_class(preset.kind).model_fields
    return misfits({key: value for key, value in preset.table["model"].items() if key in own}, kind)


def family_note(kind: str, keys: Iterable[str]) -> str:
    """Return a sentence about settings that a family does not take; empty where there are none."""
    names = list(dict.fromkeys(keys))
    if not names:
        return ""
    more = len(names) - MOST
    shown = [*names[:MOST], f"{more} more"] if more > 0 else names
    listed = " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)
    return f"{kind} does not take {listed} from before: left out."


def family_notes(preset: Preset, kinds: Iterable[str]) -> list[str]:
    """Return such a sentence for every family that leaves out settings of the preset."""
    notes = (family_note(kind, left_out(preset, kind)) for kind in dict.fromkeys(kinds))
    return [note for note in notes if note]


# ---- how it is done


def _usable(preset: Preset | str) -> Preset:
    if isinstance(preset, str):
        preset = find_preset(preset)
    if preset.error:
        raise WorkbenchError(preset.error)
    return preset


def _namer(preset: Preset, changes: Sequence[Override]) -> Callable[[RunSpec, Sequence[Override]], str]:
    """Return what names a spec by its differences from the preset, or if `name` is set by the point."""
    given = next((change.value for change in reversed(changes) if change.keys == ("name",)), None) or ""
    base, source = preset.name, preset
    made_from = preset.made_from
    if made_from and (base == made_from or base.startswith(f"{made_from} ")):
        with suppress(WorkbenchError):  # if it is not there any more: compare with the run
            base, source = made_from, find_preset(made_from)
    plain: dict[str, RunSpec | None] = {}

    def name(spec: RunSpec, point: Sequence[Override]) -> str:
        varied = {override.name: override.value for override in point}  # also where the preset has it
        if given:
            return run_name(given, spec, varied, varied)
        kind = spec.model.kind
        if kind not in plain:
            try:
                plain[kind] = _build(source, [parse_set(f"model.kind={kind}")], None)
            except WorkbenchError:  # it is complete with the changes only
                plain[kind] = None
        other = plain[kind]
        changed = {} if kind == source.kind else {"model.kind": kind}
        if other is None:
            changed |= {change.name: change.value for change in changes}
        else:
            changed |= differences(spec, other)
        return run_name(base, spec, changed | varied, varied)

    return name


def _build(preset: Preset, changes: list[Override], seeds: Seeds) -> RunSpec:
    table: dict[str, Any] = {"name": preset.name[:80] or "run", **preset.table}
    if preset.layout is not None:
        table["schema_number"] = preset.layout
    if preset.seeds is not None:
        table["seeds"] = list(preset.seeds)
    for change in changes:
        if len(change.keys) == 1 and change.keys[0] not in ("name", "seeds"):
            raise WorkbenchError(
                f"{change.source}: not of the form section.key=value.", "Example: --set training.lr=1e-4."
            )
    kinds = [change.value for change in changes if change.keys == ("model", "kind") and change.value]
    for key in left_out(preset, kinds[-1]) if kinds else ():
        table["model"] = {name: value for name, value in table["model"].items() if name != key}
    table = apply(table, changes)
    if seeds is not None:
        table["seeds"] = seeds_from(seeds)  # last, so that it wins over --set seeds=…

    written_sections = {(section,) for section in preset.table}

    def locate(keys: Keys) -> str:
        for change in reversed(changes):
            shared = min(len(keys), len(change.keys))  # a misspelt section is shorter than the override
            written = change.value is not None and keys not in written_sections
            if written and keys[:shared] == change.keys[:shared]:
                return change.source
        return preset.document.where(*keys) if preset.document else ""

    return validate(table, locate)


def _check_kind(model: Any, locate: Locate) -> None:
    """The family decides which keys are known, so it is looked at first."""
    if not isinstance(model, dict):
        raise WorkbenchError(_placed(locate(("model",)), "the section [model] with a kind is missing."))
    kind = model.get("kind")
    kinds = ", ".join(model_kinds())
    if not isinstance(kind, str):
        what = "is missing" if kind is None else "must be text"
        raise WorkbenchError(_placed(locate(("model", "kind")), f"model.kind: {what}; known kinds: {kinds}."))
    if not is_kind(kind):
        near = did_you_mean(kind, model_kinds())
        fix = near[:1].lower() + near[1:] if near else f"known kinds: {kinds}."
        place = locate(("model", "kind"))
        raise WorkbenchError(
            _placed(place, f"model.kind: unknown family '{kind}', {fix}"), exit_code=NOT_FOUND
        )


def _complaint(error: ValidationError, table: dict[str, Any], locate: Locate) -> WorkbenchError:
    """Turn pydantic's findings into one sentence about the first, with the count of the others."""
    faults = error.errors(include_url=False, include_context=True)
    fault = faults[0]
    keys = tuple(str(part) for part in fault["loc"] if isinstance(part, str))
    text = fault_text(fault, keys, _owner(keys, table))
    if own := re.match(rf"{'.'.join(keys)}\.(\w+): ", text):  # a check of a whole section names the setting
        keys, text = (*keys, own[1]), text[own.end() :]
    if keys:
        text = f"{'.'.join(keys)}: {text}"
    more = len(faults) - 1
    hint = f"({more} more fault{'s' if more > 1 else ''} after this one.)" if more else ""
    return WorkbenchError(_placed(locate(keys), text), hint)


def _owner(keys: Keys, table: dict[str, Any]) -> type[BaseModel] | None:
    """Return the settings class that the last of `keys` belongs to."""
    if len(keys) <= 1:
        return RunSpec
    if keys[0] == "model":
        return settings_class(table["model"]["kind"])
    field = RunSpec.model_fields.get(keys[0])
    annotation = field.annotation if field else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _placed(place: str, text: str) -> str:
    """Put the place before the sentence; an override's source already holds its key."""
    return f"{place}: {text}" if place else text
