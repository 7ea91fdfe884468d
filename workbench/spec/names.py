"""A run's name: what it was made from, and the settings in which it differs, as in `vae-digits latent=16`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.spec.overrides import toml_text
from workbench.spec.schema import RunSpec
from workbench.text import cut

LONGEST = 80  # characters of a name
VALUE = 30  # characters of a value in it
RESERVED = ("name", "seeds")  # last parts that also name something outside the sections
DERIVED = ("data.hash",)  # follows from another setting
SECTIONS = ("model", "data", "training", "evaluation")  # of which a name speaks: not where a run is placed


def run_name(base: str, spec: RunSpec, changed: Mapping[str, Any], vary: Iterable[str] = ()) -> str:
    """Return `base` followed by `key=value` for each changed setting, at most `LONGEST` characters.

    `changed` maps full keys to values. What `base` says of these keys is replaced. If not all fit, those
    that `vary` within one submission are kept rather than the others, and the name ends in an ellipsis.
    """
    short = short_keys(spec)
    words = {key: f"{last}={_value(changed[key])}" for key, last in short.items() if key in changed}
    replaced = {*words, *(short[key] for key in words)}
    kept = [word for word in base.split(" ") if "=" not in word or word.partition("=")[0] not in replaced]
    start, varied = " ".join(kept), set(vary)
    if len(" ".join([start, *words.values()])) <= LONGEST:
        return " ".join([start, *words.values()]).strip() or "run"
    name = cut(start, LONGEST // 2)
    for key in sorted(words, key=lambda key: key not in varied):  # a stable sort: varied ones first
        if len(name) + len(words[key]) + 3 <= LONGEST:
            name += f" {words[key]}"
    return f"{name} …"


def differences(spec: RunSpec, base: RunSpec) -> dict[str, Any]:
    """Return the settings, by full key, in which `spec` differs from `base`; both are of one family."""
    found = {}
    for section in SECTIONS:
        new, old = getattr(spec, section), getattr(base, section)
        for key in type(new).model_fields:
            value = getattr(new, key)
            # the length that is not given is None: the other one says it
            if value is not None and value != getattr(old, key, None) and f"{section}.{key}" not in DERIVED:
                found[f"{section}.{key}"] = value
    if found.pop("data.path", "") and "data.name" in found:  # the label of own data says it
        found.pop("data.hash", None)
    return found


def short_keys(spec: RunSpec) -> dict[str, str]:
    """Return the shortest unambiguous form of every full key of a spec: its last part, if no other has it."""
    full = [f"{section}.{key}" for section in SECTIONS for key in type(getattr(spec, section)).model_fields]
    last = [*RESERVED, *(key.partition(".")[2] for key in full)]
    parts = zip(full, last[len(RESERVED) :], strict=True)
    return {key: part if last.count(part) == 1 else key for key, part in parts}


def _value(value: Any) -> str:
    """Return a value without spaces: the last part of a path, a number in its shorter form (3e-4, 0.5)."""
    text = value.rstrip("/").rpartition("/")[2] if isinstance(value, str) else toml_text(value)
    if isinstance(value, float):
        mantissa, _, exponent = f"{value:e}".partition("e")
        power = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        text = min(text, power, key=len) if float(power) == value else text
    return cut(re.sub(r"\s+", "", text), VALUE)
