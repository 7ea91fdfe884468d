"""The fields of a spec one by one, with everything a form or a listing shows of them."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from workbench.spec.data import DATA_SETS
from workbench.spec.models import model_kinds
from workbench.spec.overrides import toml_text
from workbench.spec.schema import RunSpec

FieldType = Literal["int", "float", "bool", "choice", "text", "list"]


@dataclass(frozen=True)
class FormField:
    """One setting. `f"{key}={text}"` is the override that sets it to a typed text."""

    key: str  # "training.lr"
    section: str  # "training"
    name: str  # "lr"
    type: FieldType
    value: Any
    default: Any  # None where there is none
    description: str
    unit: str
    choices: tuple[str, ...] = ()
    optional: bool = False  # may be left empty
    limits: str = ""  # "≥ 1, ≤ 100"

    @property
    def text(self) -> str:
        """The value as a form shows it and an override takes it."""
        return toml_text(self.value)

    @property
    def default_text(self) -> str:
        return toml_text(self.default)

    @property
    def changed(self) -> bool:
        """Whether it differs from the default."""
        return bool(self.value != self.default)


def form_fields(spec: RunSpec) -> list[FormField]:
    """Return every field of every section, in the order of the schema: model first, resources last."""
    fields = []
    for section in ("model", "data", "training", "evaluation", "resources"):
        settings: BaseModel = getattr(spec, section)
        for name, info in type(settings).model_fields.items():
            fields.append(_field(section, name, info, getattr(settings, name)))
    if spec.data.path:  # its name is a label
        fields = [replace(f, type="text", choices=()) if f.key == "data.name" else f for f in fields]
    return fields


def _field(section: str, name: str, info: FieldInfo, value: Any) -> FormField:
    kind, choices, optional = _type(info.annotation)
    if (section, name) == ("model", "kind"):  # annotated with the one family the settings are of
        kind, choices = "choice", tuple(dict.fromkeys((*model_kinds(), value)))
    elif (section, name) == ("data", "name"):
        kind, choices = "choice", tuple(DATA_SETS.known())
    extra = info.json_schema_extra
    default = None if info.default is PydanticUndefined else info.default
    return FormField(
        key=f"{section}.{name}",
        section=section,
        name=name,
        type=kind,
        value=value,
        default=default,
        description=info.description or "",
        unit=str(extra.get("unit", "")) if isinstance(extra, dict) else "",
        choices=choices,
        optional=optional,
        limits=_limits(info),
    )


def _type(annotation: Any) -> tuple[FieldType, tuple[str, ...], bool]:
    """Reduce an annotation to (form type, choices, may be empty)."""
    origin = get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = [part for part in get_args(annotation) if part is not type(None)]
        kind, choices, _ = _type(inner[0])
        return kind, choices, len(inner) < len(get_args(annotation))
    if origin is Literal:
        return "choice", tuple(str(choice) for choice in get_args(annotation)), False
    if origin in (list, tuple):
        return "list", (), False
    names: dict[Any, FieldType] = {bool: "bool", int: "int", float: "float"}
    return names.get(annotation, "text"), (), False


def _limits(info: FieldInfo) -> str:
    """Write the bounds as signs."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    parts = []
    for rule in info.metadata:
        for name, sign in signs.items():
            if (bound := getattr(rule, name, None)) is not None:
                parts.append(f"{sign} {bound:g}" if isinstance(bound, float) else f"{sign} {bound}")
    return ", ".join(parts)
