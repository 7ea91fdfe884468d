"""Presets: list them, look one up, and turn it with changes into specs."""

from __future__ import annotations

from workbench.spec.forms import FormField, form_fields
from workbench.spec.presets import Preset, find_preset, list_presets
from workbench.spec.resolve import expand, family_note, family_notes, left_out, misfits, resolve

__all__ = [
    "FormField",
    "Preset",
    "expand",
    "family_note",
    "family_notes",
    "find_preset",
    "form_fields",
    "left_out",
    "list_presets",
    "misfits",
    "resolve",
]
