"""Where an export goes: a regular file whole or not at all, a link followed, pipes and devices written to."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

from workbench.errors import NOT_FOUND, STORE, USAGE, WorkbenchError
from workbench.store.files import sync_folder
from workbench.store.paths import StorePaths

DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/(?:fd/(?P<number>\d+)|(?P<name>stdout|stderr))")
Body = bytes | Callable[[IO[bytes]], object]
STANDARD = {"stdout": 1, "stderr": 2}


def write_output(path: Path, body: Body, *, overwrite: bool = False) -> None:
    """Write `body` to `path`, or have a function write into the open file.

    An existing regular file is kept unless `overwrite`, and keeps its mode.
    A symbolic link is followed. Pipes, terminals and devices (/dev/stdout too) are written to as they are.

    Raises:
        WorkbenchError: exit code 2 if the file exists, is a folder, or lies in a store of runs; 3 if its
            folder does not exist; 5 if it cannot be written.
    """
    path = Path(path).expanduser()
    try:
        if found := DESCRIPTOR.fullmatch(str(path)):
            number = STANDARD.get(found["name"] or "") or int(found["number"])
            with os.fdopen(os.dup(number), "wb") as file:  # opened again, a file would lose what was written
                _write(file, body)
            return
        if path.is_dir():
            raise WorkbenchError(f"Cannot write {path}: it is a folder.", "Name a file in it.", USAGE)
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with path.open("wb", buffering=0) as file:
                _write(file, body)
            return
        target = path.resolve() if path.is_symlink() else path
        check_place(target)
        if not _place(target, body, overwrite):
            hint = "Choose another name, or allow overwriting."
            raise WorkbenchError(f"Cannot write {path}: the file exists already.", hint, USAGE)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = (getattr(error, "strerror", None) or str(error)).lower()
        hint = "Choose a writable place with free space."
        raise WorkbenchError(f"Cannot write {path}: {why}.", hint, STORE) from None


def streams(path: Path) -> bool:
    """Whether `path` is a pipe or device, whose name says nothing of the format."""
    return str(path).startswith(("/dev/", "/proc/")) or path.is_fifo()


def check_place(target: Path) -> None:
    """Check that the folder of a new file or folder exists, and lies in no store of runs.

    Raises:
        WorkbenchError: exit code 3 if it does not exist, 2 if it lies in a store.
    """
    if not target.parent.is_dir():
        raise WorkbenchError(f"There is no folder {target.parent}.", "Create it first.", NOT_FOUND)
    folder = target.parent.resolve()
    for parent in (folder, *folder.parents):
        if StorePaths(parent).marker.is_file():
            hint = "Choose another folder."
            raise WorkbenchError(f"Cannot write {target}: it is in the store {parent}.", hint, USAGE)


def _write(file: IO[bytes], body: Body) -> None:
    if isinstance(body, bytes):
        file.write(body)
    else:
        body(file)


def _place(path: Path, body: Body, overwrite: bool) -> bool:
    """Put a complete file at `path`; False if one is there and must stay. Never a torn file."""
    if not overwrite and os.path.lexists(path):
        return False
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)  # a table is made to be shared
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, body)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            with contextlib.suppress(FileNotFoundError):
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            temporary.replace(path)
        else:
            try:
                path.hardlink_to(temporary)  # fails if the file was made meanwhile
            except FileExistsError:
                return False
            except OSError:  # no hard links on this disk
                if os.path.lexists(path):
                    return False
                temporary.replace(path)
        with contextlib.suppress(OSError):
            sync_folder(path.parent)
        return True
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
