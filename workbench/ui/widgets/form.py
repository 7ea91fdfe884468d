"""The settings of a spec as a list, made from the spec itself, and the list of presets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from workbench.ui.formatting import line
from workbench.ui.widgets.grid import Grid, GridCell, GridColumn

if TYPE_CHECKING:
    from workbench.api.presets import FormField, Preset
    from workbench.ui.launch_form import Draft


class SettingsList(Grid):
    """One setting a line, by section. A star marks what differs from the preset."""

    HEADED = False  # the sections are shown beside the settings
    COLUMNS = tuple(
        GridColumn(key, (), width)
        for key, width in (("section", 10), ("name", 18), ("value", 20), ("unit", 14))
    )

    fields: Sequence[FormField] = ()
    originals: Mapping[str, str] = MappingProxyType({})  # texts of the preset by key

    def show_fields(self, fields: Sequence[FormField], originals: Mapping[str, str]) -> None:
        """Show other settings, or the same ones with other values; the cursor stays on its setting."""
        here = self.field.key if self.field is not None else ""
        self.fields, self.originals = fields, originals
        self.cursor = next((k for k, item in enumerate(fields) if item.key == here), self.cursor)
        self.reshape(self.COLUMNS, len(fields))

    @property
    def field(self) -> FormField | None:
        """The setting under the cursor."""
        return self.fields[self.cursor] if self.cursor < len(self.fields) else None

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return a setting's cells; a section is named once."""
        item = self.fields[row]
        first = row == 0 or self.fields[row - 1].section != item.section
        return (
            GridCell(item.section if first else "", "faint"),
            GridCell(item.name),
            GridCell(line(item.text, 100), "" if self.mark(row) == " " else "best"),
            GridCell(item.unit, "faint"),
        )

    def mark(self, row: int) -> str:
        """Return a star for what differs from the preset."""
        item = self.fields[row]
        return " " if self.originals.get(item.key) == item.text else "*"


def described(item: FormField) -> str:
    """Return a setting's description, its choices or limits, and its default."""
    parts = [item.description]
    if item.choices:
        parts.append("one of " + ", ".join(item.choices))
    elif item.limits:
        parts.append(item.limits)
    if item.default is not None and item.key != "model.kind":
        parts.append(f"default {item.default_text}")
    return line("; ".join(part for part in parts if part), 400)


def next_choices(item: FormField) -> list[str]:
    """Return the other choices, the one after the present first, as they could be typed."""
    if item.type == "bool":
        return ["false" if item.value else "true"]
    place = item.choices.index(str(item.value)) if str(item.value) in item.choices else -1
    return [*item.choices[place + 1 :], *item.choices[: max(place, 0)]]


class PresetList(Grid):
    """The presets whose name, title or description holds every word of a filter."""

    HEADED = False

    presets: Sequence[Preset] = ()
    found: Sequence[Preset] = ()
    drafts: Mapping[str, Draft] = MappingProxyType({})  # edits that are kept, by preset

    def filter(self, text: str) -> None:
        """Keep the presets that hold every word."""
        here = self.preset.name if self.preset is not None else ""
        words = text.lower().split()

        def misses(text: str) -> int:
            return sum(word not in text.lower() for word in words)

        found = [p for p in self.presets if not misses(f"{p.name} {p.title} {p.description}")]
        # names that hold the words come before titles and descriptions that do
        self.found = sorted(found, key=lambda p: (misses(p.name), misses(f"{p.name} {p.title}")))
        stays = not words and any(preset.name == here for preset in self.found)
        self.cursor = [preset.name for preset in self.found].index(here) if stays else 0
        self.reshape([GridColumn("name", (), 40)], len(self.found))

    @property
    def preset(self) -> Preset | None:
        """The preset under the cursor."""
        return self.found[self.cursor] if self.cursor < len(self.found) else None

    def cells(self, row: int) -> Sequence[GridCell]:
        """Return the preset's name; one that cannot be used says so."""
        preset = self.found[row]
        draft = self.drafts.get(preset.name)
        name = line(preset.name, 80) + " *" * (draft is not None and draft.changed)
        return (GridCell(f"{name} (broken)", "bad") if preset.error else GridCell(name),)
