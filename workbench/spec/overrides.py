"""What is changed on top of a preset: `training.lr=1e-4`, and lists of values as in `model.latent=2,8,16`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.spec.data.base import OWN_FILES
from workbench.toml import too_deep

_KEY = re.compile(r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,3}$")
# Setting one of these drops others: one says how long a run trains, and one which data it trains on.
_DROPS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("training", "iterations"): ("epochs",),
    ("training", "epochs"): ("iterations",),
    ("data", "path"): ("name", "hash"),
    ("data", "name"): OWN_FILES,
}


@dataclass(frozen=True)
class Override:
    """One changed setting. `value` None returns the key to its default."""

    keys: tuple[str, ...]
    value: Any
    source: str  # as typed, for messages

    @property
    def name(self) -> str:
        return ".".join(self.keys)

    @property
    def text(self) -> str:
        """As it could be typed after --set."""
        return f"{self.name}={toml_text(self.value)}"


def parse_set(text: str, option: str = "--set") -> Override:
    """Parse `key=value`; the value is TOML, and a bare word is taken as text.

    Raises:
        WorkbenchError: if the text has no such form.
    """
    keys, value = _halves(text, option)
    return Override(keys, parse_value(value), f"{option} {text}")


def parse_values(text: str, option: str, *, repeats: bool = False) -> list[Override]:
    """Parse `key=a,b,c` into one override for each value, which may be equal with `repeats`.

    Raises:
        WorkbenchError: if the text has no such form, or a value is missing or given twice.
    """
    keys, values = _halves(text, option)
    parts = split_commas(values)
    if not all(parts):
        raise WorkbenchError(
            f"{option} {text}: a value is missing.", f"Example: {option} model.latent=2,8,16."
        )
    name = ".".join(keys)
    overrides = [Override(keys, parse_value(part), f"{option} {name}={part[:80]}") for part in parts]
    if not repeats and len({repr(override.value) for override in overrides}) != len(overrides):
        raise WorkbenchError(f"{option} {text}: a value is given twice.")
    return overrides


def apply(table: dict[str, Any], overrides: Sequence[Override]) -> dict[str, Any]:
    """Return a copy of `table` with the overrides applied in order; later ones win."""
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in table.items()}
    given = {override.keys for override in overrides}
    for override in overrides:
        section = result
        for key in override.keys[:-1]:
            inner = section.get(key)
            section[key] = dict(inner) if isinstance(inner, dict) else {}
            section = section[key]
        last = override.keys[-1]
        if override.value is None:
            section.pop(last, None)
            continue
        section[last] = override.value
        for other in _DROPS.get(override.keys, ()):
            if (override.keys[0], other) not in given:
                section.pop(other, None)
    return result


def parse_value(text: str) -> Any:
    """Return `text` as a TOML value, as it is if it is none, None if it is empty."""
    text = text.strip()
    if not text:
        return None
    if "\n" in text or "\r" in text or len(text) > 10_000:
        return text
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return text if too_deep(table) else table["value"]


def toml_text(value: Any) -> str:
    """Return a value as `parse_value` reads it back; None gives an empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_quoted(item) for item in value) + "]"
    if isinstance(value, str):
        return value if parse_value(value) == value else _quoted(value)
    return repr(value)


def split_commas(text: str) -> list[str]:
    """Split at commas outside brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for position, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        elif sign == "," and depth <= 0:
            parts.append(text[start:position].strip())
            start = position + 1
    return [*parts, text[start:].strip()]


def _halves(text: str, option: str) -> tuple[tuple[str, ...], str]:
    """Split `key=value` and check the key's form."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not _KEY.match(name):
        raise WorkbenchError(
            f"{option} {text}: not of the form section.key=value.", f"Example: {option} training.lr=1e-4."
        )
    return tuple(name.split(".")), value


def _quoted(value: Any) -> str:
    """A value inside a list: text in TOML quotes."""
    if not isinstance(value, str):
        return toml_text(value)
    escaped = "".join(
        f"\\u{ord(sign):04x}" if sign in '\\"' or ord(sign) < 0x20 or ord(sign) == 0x7F else sign
        for sign in value
    )
    return f'"{escaped}"'
