"""What the terminal's bell and a desktop notification report: runs that ended, an empty queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.text import plural
from workbench.ui.formatting import line

if TYPE_CHECKING:
    from workbench.api.runs import RunRow


def ended(before: Sequence[RunRow] | None, now: Sequence[RunRow]) -> str:
    """Return a sentence about the runs that ended between two lists, or nothing.

    A run that is new in the second list had no chance to be watched, and does not count.
    """
    live = {row.id for row in before or () if row.scheduled}
    over = [row for row in now if row.id in live and not row.live]
    if not over:
        return ""
    if len(over) == 1:
        how = over[0].failure if over[0].failure == "diverged" else over[0].state
        text = f"{line(over[0].name, 60)}: {how}"
    else:
        count = {
            state: sum(row.state == state for row in over) for state in ("finished", "failed", "cancelled")
        }
        parts = ", ".join(f"{number} {state}" for state, number in count.items() if number)
        text = f"{plural(len(over), 'run')} ended: {parts}"
    return text if any(row.scheduled for row in now) else f"{text}. The queue is empty"


def notification(text: str) -> str:
    """Return the bytes that ring the bell and show `text` where the terminal knows OSC 9."""
    return f"\x1b]9;{line(text, 200)}\x07\x07"
