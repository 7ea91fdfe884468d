"""What runs are made from: a preset, or a run that is repeated with changes.

>>> source = api.sources.find_source(store, "fuze")
>>> source.run, source.origin
('20261121-043537-vae-digits-fuze', 'vae-digits')
>>> [spec.name for spec in api.presets.expand(source.preset, ["model.latent=16"])]
['vae-digits latent=16 iterations=60']
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from workbench.api.runs import find_run, spec_text
from workbench.errors import NOT_FOUND, WorkbenchError
from workbench.spec.presets import Preset, find_preset, preset_of
from workbench.store.code_state import CodeChange, CodeState, code_change
from workbench.store.json_fields import read_table
from workbench.store.paths import RunPaths
from workbench.store.runs import run_ids
from workbench.store.store import Store
from workbench.toml import parse_toml

__all__ = ["CodeChange", "CodeState", "Source", "find_source"]


@dataclass(frozen=True)
class Source:
    """A preset, or the spec of `run` as one, and what to know before it is run."""

    preset: Preset
    origin: str  # the preset's name to record with new runs
    run: str = ""  # id of the run that is repeated
    code: CodeChange | None = None  # the code of that run and the code here
    note: str = ""  # one sentence, or empty


def find_source(store: Store | None, text: str) -> Source:
    """Return the preset of that name or file, or else the run with that id, prefix or suffix of an id.

    Without a store only presets are found.

    Raises:
        WorkbenchError: if there is neither (3), several runs match (2), or a file is faulty.
    """
    try:
        preset = find_preset(text)
    except WorkbenchError as no_preset:
        if store is None or text.endswith(".toml") or no_preset.exit_code != NOT_FOUND:
            raise
        try:
            row = find_run(store, text)
        except WorkbenchError as no_run:
            if no_run.exit_code != NOT_FOUND:
                raise
            title = f"There is no preset or run '{text}'."
            raise WorkbenchError(title, no_preset.hint or no_run.hint, NOT_FOUND) from None
        run = store.run(row.id)
        document = parse_toml(spec_text(store, row.id), f"{row.id}/spec.toml")
        return _repeated(run, preset_of(document, row.id, run.spec, "run", made_from=row.preset))
    run = RunPaths(preset.path.parent.absolute())
    if preset.layout is not None and preset.path.name == run.spec.name and run.origin.exists():
        return _repeated(run, replace(preset, made_from=str(read_table(run.origin).get("preset", ""))))
    ids = run_ids(store.root) if store is not None else []
    if any(known.startswith(text) or known.endswith(text) for known in ids):
        return Source(preset, text, note=f"'{text}' is a preset and matches a run: the preset is used.")
    return Source(preset, text if preset.layout is None else preset.name)


def _repeated(run: RunPaths, preset: Preset) -> Source:
    code = code_change(run)
    return Source(preset, preset.made_from or preset.name, run.id, code, code.text)
