"""Building blocks of every settings class: strict, frozen, each field with a description and a unit."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Base of all settings: unknown keys, silent conversions and non-finite numbers are errors; frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


def setting(default: Any, description: str, unit: str = "", **limits: Any) -> Any:
    """Declare a field with the `description` and `unit` that forms and `presets show` print.

    `limits` are pydantic's own (ge, gt, le, lt, min_length, …).
    """
    extra: dict[str, Any] | None = {"unit": unit} if unit else None
    return Field(default, description=description, json_schema_extra=extra, **limits)


def no_half_precision(value: Any) -> Any:
    """Return a `precision` as it is, unless it is a half one: a ValueError then says why there is none."""
    if isinstance(value, str) and value.lower() in ("bfloat16", "bf16", "float16", "fp16", "half"):
        raise ValueError(
            f"{value.lower()} is not offered: a chain with an accept step would decide at random, "
            "for its log ratio would be off by about 1 nat; use float32"
        )
    return value
