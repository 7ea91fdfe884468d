"""A run's resolved settings: all of them with those that differ marked, or only those that differ."""

from __future__ import annotations

from workbench.ui.formatting import line
from workbench.ui.widgets.text_pane import Line, TextPane

DESCRIBED_FROM = 32  # column at which a setting's description begins


class ConfigPane(TextPane):
    """Settings by section; ▸ marks what differs from the default, which is shown beside it."""

    HELP = "Show the run's resolved settings."
    NOTHING = "This run's spec.toml cannot be read."
    CHOICES = {"only_changed": (False, True)}  # noqa: RUF012

    only_changed: bool

    def read(self) -> list[Line]:
        self.border_subtitle = "differences from the defaults" if self.only_changed else ""
        live = self.live
        if live is None or live.spec is None:  # a newer layout or a missing plug-in: as it is
            return [((text, "text"),) for text in (live.spec_text if live is not None else "").splitlines()]
        lines: list[Line] = [
            (("name  ", "faint"), (line(live.spec.name, 80), "bold")),
            (("run   ", "faint"), (line(live.id, 80), "text")),
            (("seeds ", "faint"), (", ".join(str(seed) for seed in live.seeds), "text")),
        ]
        section = ""
        for setting in live.settings():
            if self.only_changed and not (setting.changed or setting.key in ("model.kind", "data.name")):
                continue
            if setting.section != section:
                section = setting.section
                lines += [(("", "text"),), ((f"[{section}]", "bold"),)]
            value = line(f"{setting.name} = {setting.text}", 120)
            unit = f" {setting.unit}" if setting.unit and setting.unit not in setting.description else ""
            with_default = setting.changed and setting.default is not None
            lines.append((
                ("▸ ", "line") if setting.changed else ("  ", "line"),
                (value, "bold" if setting.changed else "text"),
                (" " * max(2, DESCRIBED_FROM - len(value)), "text"),
                (f"(default {line(setting.default_text, 60)}) " if with_default else "", "whole"),
                (line(f"{setting.description}{unit}"), "remark"),
            ))  # fmt: skip
        return lines
