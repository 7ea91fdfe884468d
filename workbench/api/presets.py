"""Presets: list them, look one up, and resolve it with changes into specs.

    >>> [preset.name for preset in api.presets.list_presets() if preset.name.endswith("-digits")][:3]
    ['ae-gmm-digits', 'avb-digits', 'clf-digits']
    >>> spec = api.presets.resolve("vae-digits", ["model.latent=2", "training.lr=3e-4"], seeds="0,7")
    >>> spec.model.latent, spec.training.lr, spec.seeds
    (2, 0.0003, [0, 7])
    >>> specs = api.presets.expand("vae-digits", [], ["model.latent=2,8", "training.lr=1e-3,1e-4"])
    >>> [(spec.model.latent, spec.training.lr) for spec in specs]
    [(2, 0.001), (2, 0.0001), (8, 0.001), (8, 0.0001)]

`form_fields` returns every setting of a spec with its default, unit and limits.
"""

from __future__ import annotations

from workbench.spec.forms import FormField, form_fields
from workbench.spec.points import is_law
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
    "is_law",
    "left_out",
    "list_presets",
    "misfits",
    "resolve",
]
