"""Building blocks of every settings class: fields with description and unit, faults in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from workbench.errors import did_you_mean
from workbench.text import cut

ROUNDED_CHAIN = (
    "a chain with an accept step would decide at random, for its log ratio would be off by about 1 nat; "
    "use float32"
)


class Settings(BaseModel):
    """Base of all settings: unknown keys, silent conversions and non-finite numbers are errors; frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
    since: ClassVar[str] = "0.0"  # the version that brought these settings; their fields may be younger

    def late_defaults(self, since: str = "") -> set[str]:
        """Return the fields that are younger than these settings (or than `since`) and at their defaults."""
        return {
            name
            for name, field in type(self).model_fields.items()
            if isinstance(extra := field.json_schema_extra, dict)
            and _version(str(extra.get("since", "0.0"))) > _version(since or self.since)
            and getattr(self, name) == field.default
        }

    def hashed(self) -> dict[str, Any]:
        """Return what the group hash is made of: all fields but `late_defaults`, as JSON has them."""
        return self.model_dump(mode="json", exclude=self.late_defaults())


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def setting(default: Any, description: str, unit: str = "", *, since: str = "", **limits: Any) -> Any:
    """Declare a field with the `description` and `unit` that forms and `presets show` print.

    `since` is the version that added the field to settings of which runs exist. At its default it does
    not change the group hash, so that old and new runs with the same settings share a group.
    `limits` are pydantic's own (ge, gt, le, lt, min_length, …).
    """
    extra: dict[str, Any] = {name: text for name, text in (("unit", unit), ("since", since)) if text}
    return Field(default, description=description, json_schema_extra=extra or None, **limits)


def no_half_precision(value: Any) -> Any:
    """Return a `precision` as it is.

    Raises:
        ValueError: for a half one, with the reason why none is offered.
    """
    if isinstance(value, str) and value.lower() in ("bfloat16", "bf16", "float16", "fp16", "half"):
        raise ValueError(f"{value.lower()} is not offered: {ROUNDED_CHAIN}")
    return value


def fault_text(fault: Any, keys: tuple[str, ...], owner: type[BaseModel] | None) -> str:
    """Return one fault that pydantic found, at `keys` in settings of class `owner`, in plain words."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        known = list(owner.model_fields) if owner else []
        near = did_you_mean(keys[-1][:80], known)
        return f"unknown key{_hint(near)}" if near else f"unknown key; known here: {', '.join(known)}."
    if kind == "missing":
        return "is missing."
    if kind == "value_error":
        text = str(context.get("error", fault["msg"]))
        return text if text.endswith(("?", ".")) else f"{text}."
    if kind == "literal_error":
        return not_among(fault.get("input"), re.findall(r"'([^']*)'", context.get("expected", "")))
    got = toml_value(fault.get("input"))
    if kind == "string_pattern_mismatch" and owner:
        return f"must be {owner.model_fields[keys[-1]].description}; got {got}."
    words = _PLAIN.get(kind)
    if words is None:  # pydantic's own words for what is left
        words = re.sub(
            r"^Input should be", "must be", re.sub(r"^(\w+) should have", r"must have", fault["msg"])
        )
    return f"{words.format(**context)}, got {got}."


def not_among(value: Any, choices: Iterable[str]) -> str:
    """Return the sentence about a value that is none of the choices."""
    known = list(choices)
    near = did_you_mean(str(value), known)
    return f"must be one of {', '.join(known)}; got {toml_value(value)}{_hint(near) if near else '.'}"


def toml_value(value: Any) -> str:
    """Return a refused value as it is written in TOML, kept short."""
    text = ("true" if value else "false") if isinstance(value, bool) else repr(value)
    return cut(text, 60)


def _hint(sentence: str) -> str:
    """Return "Did you mean …?" as the end of another sentence."""
    return f", {sentence[:1].lower()}{sentence[1:]}"


_PLAIN = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list such as [128, 128]",
    "tuple_type": "must be a list such as [0, 255]",
    "model_type": "must be a section",
    "model_attributes_type": "must be a section",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
}
