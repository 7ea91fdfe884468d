"""What is wrong with a setting, in plain words: one fault that pydantic found, as a sentence."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

from workbench.errors import did_you_mean
from workbench.text import safe_text


def fault_text(fault: Any, keys: tuple[str, ...], owner: type[BaseModel] | None) -> str:
    """Say in plain words what one fault is."""
    kind, context = fault["type"], fault.get("ctx", {})
    got = _shown(fault.get("input"))
    if kind == "extra_forbidden":
        known = list(owner.model_fields) if owner else []
        near = did_you_mean(keys[-1][:80], known)
        if near:
            return f"unknown key, {near[:1].lower()}{near[1:]}"
        return f"unknown key; known here: {', '.join(known)}."
    if kind == "missing":
        return "is missing."
    if kind == "value_error":
        said = str(context.get("error", fault["msg"]))
        return said if said.endswith(("?", ".")) else f"{said}."
    if kind == "string_pattern_mismatch" and owner:
        return f"must be {owner.model_fields[keys[-1]].description}; got {got}."
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context.get("expected", ""))
        near = did_you_mean(str(fault.get("input"))[:80], choices)
        hint = f", {near[:1].lower()}{near[1:]}" if near else "."
        return f"must be one of {', '.join(choices)}; got {got}{hint}"
    words = _PLAIN.get(kind)
    if words is None:  # pydantic's own words for what is left
        message = safe_text(fault["msg"], 200, one_line=True)
        words = re.sub(r"^Input should be", "must be", re.sub(r"^(\w+) should have", r"must have", message))
    return f"{words.format(**context)}, got {got}."


def _shown(value: Any) -> str:
    """A refused value as it stands in TOML, kept short."""
    text = ("true" if value else "false") if isinstance(value, bool) else repr(value)
    return safe_text(text, 60, one_line=True)


_PLAIN = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list such as [128, 128]",
    "model_type": "must be a section",
    "model_attributes_type": "must be a section",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
}
