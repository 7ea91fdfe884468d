"""Files that others read while we write: whole or absent, never torn; private to the user."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import stat
import tomllib
from pathlib import Path
from typing import Any, BinaryIO

LARGEST = 64 << 20  # bytes of a JSON or TOML file; ours are a few thousand
SMALL = 1 << 14  # bytes that nearly all of them fit into
CHUNK = 1 << 20
LOG_TAIL = 128 << 10  # bytes of a log's end that are shown


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


def read_body(path: str | Path, most: int = LARGEST) -> bytes | None:
    """Return a file's bytes, or None if it is absent, unreadable, no plain file, or larger than `most`.

    Straight system calls: thousands of files are read when a store is scanned. A named pipe or a device
    left in a store must not make a reader wait: it is opened without blocking, and gives nothing.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):  # ValueError: a null byte in the name
        return None
    try:
        body = os.read(handle, SMALL)
        if not body and not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        if len(body) == SMALL:
            parts, size = [body], SMALL
            while size <= most and (part := os.read(handle, CHUNK)):
                parts.append(part)
                size += len(part)
            body = b"".join(parts)
    except OSError:
        return None
    finally:
        os.close(handle)
    return body if len(body) <= most else None


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file for reading; anything else is an OSError, and a named pipe does not block."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "Not a plain file", str(path))
    return os.fdopen(handle, "rb")


def log_tail(path: Path, most: int = LOG_TAIL) -> str:
    """Return the end of a log as text; bytes that are not UTF-8 become U+FFFD. Empty where there is none."""
    try:
        with open_plain(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            body = file.read(most)
    except OSError:
        return ""
    if size > most:
        body = body.partition(b"\n")[2] or body
    return body.decode("utf-8", "replace")


def last_written(line: str) -> str:
    """Return what is seen of a log's line: a progress bar rewrites it with carriage returns."""
    return line.rstrip("\r").rsplit("\r", 1)[-1]


class LogFollower:
    """Reads the end of a log and then what it gains, whole lines only; begins again if it becomes shorter."""

    def __init__(self, path: Path) -> None:
        self.path, self._rest = path, b""
        try:
            self._offset = max(0, path.stat().st_size - LOG_TAIL)
        except OSError:
            self._offset = 0

    def lines(self) -> list[str]:
        """Return the lines written since the last call; bytes that are not UTF-8 become U+FFFD."""
        try:
            with open_plain(self.path) as file:
                size = file.seek(0, 2)
                if size < self._offset:
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                body = self._rest + file.read(2 * LOG_TAIL)
        except OSError:
            return []
        self._offset += len(body) - len(self._rest)
        *whole, self._rest = body.split(b"\n")
        return [last_written(line.decode("utf-8", "replace")) for line in whole]


def read_json(path: str | Path) -> Any | None:
    """Return the parsed file, or None if it is absent, not JSON, or nested too deeply."""
    body = read_body(path)
    try:
        return None if body is None else json.loads(body.decode())
    except (ValueError, RecursionError):
        return None


def read_toml(path: str | Path) -> dict[str, Any] | None:
    """Return the parsed file, or None if it is absent or not TOML."""
    body = read_body(path)
    try:
        return None if body is None else tomllib.loads(body.decode())
    except (ValueError, RecursionError):
        return None
