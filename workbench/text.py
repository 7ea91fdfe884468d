"""Text for people: untrusted text made harmless before a terminal sees it, and lengths of time."""

from __future__ import annotations

import math
import re
import time

# C0 (tab and newline are handled apart), DEL, C1, bidi marks and overrides, zero-width marks,
# line separators, byte-order mark, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_BREAKS = re.compile("[\t\n]")


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, the last one an ellipsis where some are left out."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"[: max(0, limit)]


def safe_text(text: object, limit: int | None = None, *, one_line: bool = False) -> str:
    """Return `text` with nothing in it that could steer a terminal.

    Newlines and tabs stay, unless `one_line`. More than `limit` characters are cut, with an
    ellipsis as the last one. Markup is not escaped: pass the result on as plain text.
    """
    string = text if isinstance(text, str) else str(text)
    string = _UNSAFE.sub(_picture, string if limit is None else cut(string, limit))
    return _BREAKS.sub(_picture, string) if one_line else string


def _picture(match: re.Match[str]) -> str:
    """One visible sign for one unsafe character, so that the length cap still holds."""
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)  # ␀ … ␟
    if code == 0x7F:
        return "␡"
    return "�"


def plural(n: int, word: str) -> str:
    """Return "1 seed", "3 seeds", "10,000 runs"."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def format_duration(seconds: float | None) -> str:
    """Return a length of time as 8s, 3m 20s, 2h 05m or 3d 4h; empty where it is not known.

    A negative length counts as none at all: 0s.
    """
    if seconds is None or not math.isfinite(seconds):
        return ""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def ago(moment: float | None) -> str:
    """Return how long ago a Unix time was, in the largest fitting unit; empty where it is unknown."""
    return f"{format_duration(max(0.0, time.time() - moment))} ago" if moment else ""


def format_bytes(size: float) -> str:
    """Return a number of bytes as 512 B, 3.2 MiB or 14 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
