"""`workbench` without a verb: the screens, or one sentence on why they cannot be opened.

The screens open sooner without the parser of the verbs, so their own few options are read here.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from workbench import api
from workbench.errors import TERMINAL, WorkbenchError


@dataclass
class ScreenOptions:
    """What `workbench` takes without a verb."""

    store: Path | None = None
    mouse: bool = True
    ascii: bool = False


def screen_options(arguments: list[str]) -> ScreenOptions | None:
    """Return the options if the arguments hold nothing else; None leaves them to the parser of the verbs."""
    found = ScreenOptions()
    left = list(arguments)
    while left:
        word, _, value = left.pop(0).partition("=")
        if word == "--store" and (value := value or (left.pop(0) if left else "")) and value[0] != "-":
            found.store = Path(value)
        elif value:
            return None
        elif word in ("--mouse", "--no-mouse"):
            found.mouse = word == "--mouse"
        elif word == "--ascii":
            found.ascii = True
        else:
            return None
    return found


def open_screens(store: Path | None, *, mouse: bool, ascii: bool) -> int:
    """Open the screens and return the exit code. Raises WorkbenchError where no screen can be shown."""
    streams = {"input": sys.stdin, "output": sys.stdout, "error output": sys.stderr}
    closed = [name for name, stream in streams.items() if stream is None or not stream.isatty()]
    if closed or os.environ.get("TERM", "dumb") in ("", "dumb"):
        why = f"standard {closed[0]} is not a terminal" if closed else "TERM is unset or 'dumb'"
        hint = "Use plain commands here: `workbench run PRESET`, `workbench queue ls`, `workbench runs ls`."
        raise WorkbenchError(f"Cannot open the screens: {why}.", hint, TERMINAL)
    from workbench.ui.app import run_app  # loads Textual: 0.2 s that no verb needs

    return run_app(api.stores.open_store(store), mouse=mouse, ascii=ascii)
