"""The one kind of error a user is meant to see: a sentence, a fix, and an exit code."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# Exit codes, listed in the README. 1 is left to Python for unexpected errors.
USAGE = 2  # the input is wrong: misspelt, of the wrong type, out of range
NOT_FOUND = 3  # no such preset, run, metric, table or data set
RUN_FAILED = 4  # a run that was followed ended as failed or cancelled
STORE = 5  # the store cannot be read or written: permissions, disk full, newer schema
DEVICE = 6  # the device asked for is not here
TERMINAL = 7  # no terminal that can show the screens
DATA = 8  # a data set is missing, damaged, or cannot be fetched


LONG_WORD = re.compile(r"\S{301,}")  # a sentence may quote what was typed or read, of any length


class WorkbenchError(Exception):
    """Something the user can fix: `title` says what is wrong, `hint` how to fix it.

    Both may quote text from outside: the code that prints them makes them safe for a terminal.
    """

    def __init__(self, title: str, hint: str = "", exit_code: int = USAGE) -> None:
        super().__init__(title)
        self.title = LONG_WORD.sub(lambda word: f"{word[0][:299]}…", title)
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.title} {self.hint}".strip()


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "Did you mean 'x'?" for the known word nearest to `word`, or an empty string."""
    near = difflib.get_close_matches(word[:80], list(known), n=1, cutoff=0.5)  # quadratic in the length
    return f"Did you mean '{near[0]}'?" if near else ""
