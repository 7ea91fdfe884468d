"""Presets: list them, look one up, and turn it with changes into specs."""

from __future__ import annotations

from workbench.spec.forms import FormField, form_fields
from workbench.spec.presets import Preset, find_preset, list_presets
from workbench.spec.resolve import expand, resolve

__all__ = ["FormField", "Preset", "expand", "find_preset", "form_fields", "list_presets", "resolve"]
