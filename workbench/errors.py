"""The one kind of error a user is meant to see: a sentence, a fix, and an exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Exit codes, listed in the README. 1 is left to Python for the errors nobody foresaw.
USAGE = 2  # the input is wrong: misspelt, of the wrong type, out of range
NOT_FOUND = 3  # no such preset, run, metric, table or data set
RUN_FAILED = 4  # a run that was followed ended as failed or cancelled
STORE = 5  # the store cannot be read or written: permissions, disk full, newer schema
DEVICE = 6  # the device asked for is not here
TERMINAL = 7  # no terminal that can show the screens
DATA = 8  # a data set is missing, damaged, or cannot be fetched


class WorkbenchError(Exception):
    """Something the user can mend: `title` says what is wrong, `hint` how to mend it."""

    def __init__(self, title: str, hint: str = "", exit_code: int = USAGE) -> None:
        super().__init__(title)
        self.title = title
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.title} {self.hint}".strip()


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "Did you mean 'x'?" for the known word nearest to `word`, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"Did you mean '{near[0]}'?" if near else ""
