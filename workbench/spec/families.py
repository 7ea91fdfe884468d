"""Another family in place of the preset's own: what the preset sets for its own family may not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from workbench.errors import WorkbenchError
from workbench.spec.models import model_kinds, settings_class
from workbench.spec.presets import Preset

MOST = 4  # settings that one sentence names


def misfits(model: Mapping[str, Any], kind: Any) -> list[str]:
    """Return the keys of a [model] table that the family `kind` does not know, or not with such a value.

    None for what is no family; `validate` says so.
    """
    if kind not in model_kinds():
        return []
    try:
        settings_class(kind).model_validate({**model, "kind": kind})
    except ValidationError as error:
        wrong = {fault["loc"][0] for fault in error.errors(include_url=False) if fault["loc"]}
        return [key for key in model if key in wrong]
    except WorkbenchError:  # a plug-in's own check; it speaks when the whole spec is checked
        pass
    return []


def left_out(preset: Preset, kind: Any) -> list[str]:
    """Return the model settings of a preset that go when its family is exchanged for `kind`.

    Only what its own family knows may go: a misspelt key stays, to be told.
    """
    if kind == preset.kind or preset.kind not in model_kinds():
        return []
    own = settings_class(preset.kind).model_fields
    return misfits({key: value for key, value in preset.table["model"].items() if key in own}, kind)


def family_note(kind: str, keys: Iterable[str]) -> str:
    """Say which settings a family does not take; empty where there are none."""
    names = list(dict.fromkeys(keys))
    if not names:
        return ""
    more = len(names) - MOST
    shown = [*names[:MOST], f"{more} more"] if more > 0 else names
    told = " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)
    return f"{kind} does not take {told} from before: left out."


def family_notes(preset: Preset, kinds: Iterable[str]) -> list[str]:
    """Return such a sentence for every family that leaves out something of the preset."""
    notes = (family_note(kind, left_out(preset, kind)) for kind in dict.fromkeys(kinds))
    return [note for note in notes if note]
