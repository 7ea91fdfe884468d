"""A run's resolved settings: all of them with those that differ marked, or only those that differ."""

from __future__ import annotations

from typing import Any

from workbench.spec.forms import FormField
from workbench.text import safe_text
from workbench.ui.widgets.text_pane import Line, TextPane

DESCRIBED_FROM = 32  # column at which a setting's description begins


class ConfigPane(TextPane):
    """Settings by section; ▸ marks what differs from the default, which stands beside it."""

    TITLE = "config"
    NOTHING = "This run's spec.toml cannot be read."

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.only_changed = False

    def source(self) -> Any:
        return self.only_changed

    def toggle_changed(self) -> None:
        """Show only settings that differ from their default, or all again."""
        self.only_changed = not self.only_changed
        self.border_subtitle = "differences from the defaults" if self.only_changed else ""
        self.changed()

    def read(self) -> list[Line]:
        live = self.live
        if live is None or live.spec is None:  # a newer layout or a missing plug-in: as it stands
            return [((line, "text"),) for line in (live.spec_text if live is not None else "").splitlines()]
        lines: list[Line] = [
            (("name  ", "faint"), (safe_text(live.spec.name, 80, one_line=True), "bold")),
            (("seeds ", "faint"), (", ".join(str(seed) for seed in live.seeds), "text")),
        ]
        section = ""
        for setting in live.settings():
            if self.only_changed and not (setting.changed or setting.key in ("model.kind", "data.name")):
                continue
            if setting.section != section:
                section = setting.section
                lines += [(("", "text"),), ((f"[{section}]", "bold"),)]
            lines.append(_line(setting))
        return lines


def _line(setting: FormField) -> Line:
    """Return one setting: mark, key = value, then its default if it differs, then what it is."""
    value = safe_text(f"{setting.name} = {setting.text}", 120, one_line=True)
    unit = f" {setting.unit}" if setting.unit and setting.unit not in setting.description else ""
    about = safe_text(f"{setting.description}{unit}", 200, one_line=True)
    default = ""
    if setting.changed and setting.default is not None:
        default = f"(default {safe_text(setting.default_text, 60, one_line=True)}) "
    pad = " " * max(2, DESCRIBED_FROM - len(value))
    mark, style = ("▸ ", "bold") if setting.changed else ("  ", "text")
    return ((mark, "line"), (value, style), (pad, "text"), (default, "whole"), (about, "remark"))
