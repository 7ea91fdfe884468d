"""`workbench` without a verb: the screens, or one sentence where they cannot be shown.

The screens come up sooner without the parser of the verbs, so their own few options are read here.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import TERMINAL, WorkbenchError


@dataclass
class ScreenOptions:
    """What `workbench` takes without a verb."""

    store: Path | None = None
    mouse: bool = True
    ascii: bool = False


def screen_options(arguments: list[str]) -> ScreenOptions | None:
    """Return the options if the arguments are nothing else; None leaves them to the parser of the verbs."""
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
    """Open the TUI and return its exit code, or refuse in one sentence where no screen can be shown."""
    streams = {"input": sys.stdin, "output": sys.stdout, "error output": sys.stderr}
    for name, stream in streams.items():
        if stream is None or not stream.isatty():
            _refuse(f"standard {name} is not a terminal")
    if os.environ.get("TERM", "dumb") in ("", "dumb"):
        _refuse("TERM is unset or 'dumb'")
    from workbench.api.stores import open_store
    from workbench.settings import user_settings
    from workbench.ui.app import run_app

    settings = user_settings()
    chosen = open_store(store)
    return run_app(chosen, mouse=mouse and settings.mouse, ascii=ascii or settings.ascii)


def _refuse(why: str) -> None:
    hint = "Use plain commands here: `workbench run PRESET`, `workbench queue ls`, `workbench runs ls`."
    raise WorkbenchError(f"The screens cannot be shown: {why}.", hint, TERMINAL)
