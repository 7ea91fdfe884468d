"""What the screens remember from one start to the next: a JSON file in the user's config folder."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from workbench.settings import config_dir

FILE = "screens.json"


def recall(key: str) -> Any:
    """Return what was remembered under a key, None if nothing was or the file cannot be read."""
    return _read().get(key)


def remember(key: str, value: Any) -> None:
    """Remember a value (None: forget it). Where nothing can be written, nothing is remembered."""
    path = config_dir() / FILE
    kept = {name: old for name, old in _read().items() if name != key}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{FILE}.{os.getpid()}")
        temporary.write_text(json.dumps(kept | ({key: value} if value is not None else {})))
        temporary.replace(path)


def _read() -> dict[str, Any]:
    try:
        found = json.loads((config_dir() / FILE).read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
