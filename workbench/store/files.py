"""Files that others read while we write: whole or absent, never torn; private to the user."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Any


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, body: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `body`: a reader sees the old file or the new one, nothing between.

    `durable=False` leaves out the flushes; for files that may be lost but not torn.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Write `value` as JSON through `write_atomic`; non-finite numbers are refused (ValueError)."""
    write_atomic(path, (json.dumps(value, allow_nan=False) + "\n").encode(), durable=durable)


def create_json(path: Path, value: Any) -> bool:
    """Create `path` with `value`, or return False if it exists already. Exactly one caller wins.

    The body is complete before the name appears: link() is atomic on local and network disks.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write((json.dumps(value, allow_nan=False) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        sync_folder(path.parent)
        return True
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_json(path: Path) -> Any | None:
    """Return the parsed file, or None if it is absent or not JSON."""
    try:
        with path.open("rb", buffering=0) as file:  # thousands are read when a store is scanned
            return json.loads(file.readall())
    except (OSError, ValueError):
        return None
