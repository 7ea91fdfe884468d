"""Building blocks of every settings class: strict, frozen, each field with a description and a unit."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Base of all settings: unknown keys, silent conversions and non-finite numbers are errors; frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
    since: ClassVar[str] = "0.0"  # the version that brought these settings; their fields may be younger

    def late_defaults(self) -> set[str]:
        """Return the fields that are younger than these settings and at their defaults."""
        return {
            name
            for name, field in type(self).model_fields.items()
            if isinstance(extra := field.json_schema_extra, dict)
            and _version(str(extra.get("since", "0.0"))) > _version(self.since)
            and getattr(self, name) == field.default
        }


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
    """Return a `precision` as it is, unless it is a half one: a ValueError then says why there is none."""
    if isinstance(value, str) and value.lower() in ("bfloat16", "bf16", "float16", "fp16", "half"):
        raise ValueError(
            f"{value.lower()} is not offered: a chain with an accept step would decide at random, "
            "for its log ratio would be off by about 1 nat; use float32"
        )
    return value
