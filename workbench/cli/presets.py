"""`workbench presets`: the experiments that can be run, and every setting of them."""

from __future__ import annotations

import typer

from workbench import api
from workbench.cli.options import Json, PresetName, Sets
from workbench.cli.output import out, out_json, out_table, talk

app = typer.Typer(help="List presets and show their settings.", no_args_is_help=True)


@app.command("ls")
def list_(json: Json = False) -> None:
    """List all presets: built in, in your config folder, and in ./presets."""
    presets = api.presets.list_presets()
    if json:
        keys = ("name", "title", "description", "source", "kind", "data", "seeds", "path", "error")
        out_json([{key: getattr(preset, key) for key in keys} for preset in presets])
        return
    out_table(
        ("PRESET", "SOURCE", "TITLE"), [(preset.name, preset.source, preset.title) for preset in presets]
    )
    for preset in presets:
        if preset.error:
            talk(f"invalid: {preset.error}")


@app.command()
def show(preset: PresetName, sets: Sets = None, json: Json = False) -> None:
    """Show every setting of a preset: value, default, unit, meaning. A * marks a changed value."""
    found = api.presets.find_preset(preset)
    spec = api.presets.resolve(found, sets or ())
    fields = api.presets.form_fields(spec)
    for note in api.presets.family_notes(found, [spec.model.kind]):
        talk(note)
    if json:
        keys = ("key", "type", "value", "default", "changed", "unit", "description", "choices", "limits")
        head = {key: getattr(found, key) for key in ("name", "title", "description", "source", "path")}
        body = [{key: getattr(field, key) for key in keys} for field in fields]
        out_json({**head, "seeds": spec.seeds, "fields": body})
        return
    out(f"{found.name}: {found.title}", one_line=True)
    out(found.description, one_line=True)
    out(f"{found.source}, {found.path}", one_line=True)
    out(f"seeds {', '.join(map(str, spec.seeds))}")
    section = ""
    rows: list[tuple[str, ...]] = []
    for field in fields:
        if field.section != section:
            section = field.section
            rows.append((f"[{section}]", "", "", "", "", ""))
        mark = "*" if field.changed else ""
        about = f"{field.description} ({field.limits})" if field.limits else field.description
        rows.append((field.name, mark, field.text, field.default_text, field.unit, about))
    out_table(("SETTING", "", "VALUE", "DEFAULT", "UNIT", "MEANING"), rows)
