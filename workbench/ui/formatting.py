"""How runs are shown: signs of states, time left, text cut to a width, the order of the queue."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from workbench.spec.health import MARKS, health_text, worst
from workbench.text import format_duration, safe_text

if TYPE_CHECKING:
    from workbench.api.runs import RunRow

# sign, name of the style; the state itself is shown too, so that none depends on sign or colour alone
SIGNS: dict[str, tuple[str, str]] = {
    "running": ("●", "running"),
    "starting": ("◐", "running"),
    "queued": ("○", "waiting"),
    "paused": ("‖", "waiting"),
    "finished": ("✓", "good"),
    "failed": ("✗", "bad"),
    "cancelled": ("⊘", "waiting"),
}


def state_sign(row: RunRow) -> str:
    """Return the sign of a run's state; of a finished run that is not healthy, that of the verdict."""
    mark = MARKS.get(worst(row.health), "") if row.state == "finished" else ""
    return mark or SIGNS.get(row.state, ("?", ""))[0]


def state_style(row: RunRow) -> str:
    """Return the style of a run's state: that of a finished one follows its health."""
    verdict = worst(row.health)
    if verdict in ("doubtful", "unhealthy"):
        return "bad" if verdict == "unhealthy" else "waiting"
    return SIGNS.get(row.state, ("", ""))[1]


def line(text: object, limit: int = 200) -> str:
    """Return text from outside as one harmless line."""
    return safe_text(text, limit, one_line=True)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return text cut or padded to exactly `width` cells."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…"
    fill = " " * (width - length)
    return fill + text if right else text + fill


def shortened(text: str, width: int) -> str:
    """Return text of at most `width` cells, cut between words; empty if not even two would be left."""
    if cell_len(text) <= width:
        return text
    kept = text[: max(0, width - 1)].rpartition(" ")[0].rstrip(" ,;:(")
    return f"{kept}…" if " " in kept else ""


def whole(texts: Sequence[str], width: int, rows: int) -> tuple[list[str], int]:
    """Return the first texts that fit whole into `rows` rows of `width` columns, and how many are left.

    One row stays free for a line about those that are left.
    """
    used, shown = 0, []
    for place, text in enumerate(texts):
        used += max(1, len(wrap(text, max(1, width))))
        if used > rows - (place < len(texts) - 1):
            break
        shown.append(text)
    return shown, len(texts) - len(shown)


def clock(seconds: float | None) -> str:
    """Return time left as 0:04, 12:30 or 3:05:00; empty if unknown."""
    if seconds is None or not 0 <= seconds < 1e8:
        return ""
    whole = round(seconds)
    minutes, hours = whole // 60 % 60, whole // 3600
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def queue_order(rows: list[RunRow]) -> list[RunRow]:
    """Return runs as the queue shows them: running, next first, paused; then ended ones, newest first."""

    def place(row: RunRow) -> tuple[float, float, float, str]:
        rank = {"running": 0, "starting": 1, "queued": 2, "paused": 3}.get(row.state, 9)
        if rank == 9:
            return (9, -(row.ended or row.created), -row.created, row.id)
        return (rank, *row.turn) if row.state == "queued" else (rank, 0, row.created, row.id)

    return sorted(rows, key=place)


def share(row: RunRow) -> float | None:
    """Return how much of the training is done, 0…1, or None if unknown."""
    return min(1.0, max(0.0, row.step / row.total)) if row.total > 0 else None


def bar(part: float, width: int) -> tuple[str, str]:
    """Return the done and the open part of a progress bar."""
    done = min(width, max(0, round(part * width)))
    return "━" * done, "╌" * (width - done)


def aside(row: RunRow, limit: int = 160) -> str:
    """Return a remark on a run that is not training: the reason, how long it took, what comes next.

    No part of it is longer than `limit`.
    """
    if row.active:
        return line(row.phase or row.reason or "starting", 80)
    took = format_duration(row.took)
    if row.state == "finished":
        health = health_text(row.health) if worst(row.health) != "healthy" else ""
        return " · ".join(part for part in (health, took, line(row.device, 20)) if part)
    if row.state == "queued":
        parts = [f"priority {row.priority:+d}" if row.priority else "", line(row.reason, limit)]
        return " · ".join(part for part in parts if part)
    reason = "" if row.reason.rstrip(".").lower() == row.state else line(row.reason, limit)
    parts = [line(row.failure.replace("-", " "), 40), reason, line(row.next, limit)]
    return " · ".join(part for part in parts if part)
