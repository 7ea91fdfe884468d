"""Writes the table of checks into docs/health.md: python -m tests.health_page."""

from __future__ import annotations

from pathlib import Path

from workbench.spec.health import GENERAL, Check, Limits
from workbench.spec.models import built_in_kinds, settings_class

PAGE = Path(__file__).parents[1] / "docs" / "health.md"
BEGIN, END = "<!-- checks: python -m tests.health_page -->\n", "<!-- end of checks -->\n"


def page(text: str) -> str:
    """Return the page with the table of today's checks; those that families share have one row."""
    families: dict[Check, list[str]] = {check: ["all"] for check in GENERAL}
    for kind in built_in_kinds():
        for check in settings_class(kind).checks:
            families.setdefault(check, []).append(f"`{kind}`")
    lines = ["| family | number | doubtful | unhealthy | reason |", "|---|---|---|---|---|"]
    for check, kinds in families.items():
        limits = [_limits(check, place) for place in (0, 1)]
        reason = check.reason.replace("|", "\\|") + (f" (not with `{check.unless}`)" if check.unless else "")
        lines.append(f"| {', '.join(kinds)} | {check.key} | {' | '.join(limits)} | {reason} |")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n".join(["", *lines, "", ""]) + END + rest.partition(END)[2]


def _limits(check: Check, place: int) -> str:
    sides: tuple[tuple[str, Limits], ...] = (("below", check.low), ("above", check.high))
    return ", ".join(f"{side} {end[place]:g}" for side, end in sides if end[place] is not None) or "–"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
