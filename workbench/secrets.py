"""What must not be recorded: variables whose names or values look like passwords, keys or tokens."""

from __future__ import annotations

import re

REDACTED = "<redacted>"
_NAME = re.compile(r"key|token|secret|pass|pwd|jwt|credential|auth|cookie|session", re.IGNORECASE)
_IN_URL = re.compile(r"(\w+://)[^/\s:@]*:[^/\s@]+@")
_VALUE = re.compile(
    r"^(bearer|basic)\s+\S{8,}|^[^\s:@/]+:[^\s@/]+@[\w.-]+|^eyJ[\w-]+\.[\w-]+\.", re.IGNORECASE
)


def is_secret(name: str, value: str) -> bool:
    """Whether a variable must not be recorded: by its name, or as user:password@host or a token."""
    return bool(_NAME.search(name) or _VALUE.search(value.strip()) or _IN_URL.search(value))


def without_passwords(text: str) -> str:
    """Return the text with user names and passwords in URLs replaced."""
    return _IN_URL.sub(rf"\1{REDACTED}@", text)
