"""The user's own command when a run ends or the queue runs empty: it receives the run as JSON on stdin."""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SECONDS = 60.0  # after which the command is ended


def message(event: str, store: Path, run: Mapping[str, Any] | None) -> str:
    """Return what the command reads: the event, the store, and the run as `queue ls --json` prints it."""
    body = {"event": event, "store": str(store), "run": dict(run) if run is not None else None}
    return json.dumps(body, default=vars) + "\n"


def call(command: str, text: str) -> str:
    """Run the command, not through a shell, with `text` on its stdin; return what went wrong, or nothing."""
    try:
        words = shlex.split(command)
        words[0] = str(Path(words[0]).expanduser())
        done = subprocess.run(
            words,
            input=text,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            errors="replace",
            timeout=SECONDS,
            start_new_session=True,
            check=False,
        )
    except (OSError, ValueError, IndexError, RuntimeError) as error:
        return f"{getattr(error, 'strerror', None) or error}"
    except subprocess.TimeoutExpired:
        return f"still running after {SECONDS:g} s"
    said = done.stderr.strip().splitlines()[-1:]
    return ": ".join([f"exit code {done.returncode}", *said]) if done.returncode else ""


def call_later(command: str, text: str, say: Callable[[str], None]) -> None:
    """Run the command in a thread, so that the queue does not wait for it; faults go to `say`."""

    def run() -> None:
        if fault := call(command, text):
            say(f"notify command: {fault}")

    threading.Thread(target=run, name="notify").start()
